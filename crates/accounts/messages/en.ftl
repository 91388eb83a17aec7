# Roles
role-owner = Owner
role-lead = Lead
role-agent = Agent
role-collaborator = Collaborator

# Letters of the system
letter-hello = Hello { $name },
letter-from = { $company } · Recourse
