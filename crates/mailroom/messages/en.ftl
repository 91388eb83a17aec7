# Received mail
