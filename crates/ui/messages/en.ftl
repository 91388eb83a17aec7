# Times
when-now = now
when-yesterday = Yesterday
when-in = in { $span }
when-ago = { $span } ago

# Errors
error-not-found = Nothing here
error-not-found-text = This page does not exist, or it is not for you. Check the address, or go back.
error-refused = That did not work
error-refused-text = That cannot be done.
error-forbidden = Not allowed
error-forbidden-text = Your role does not include this. Ask an owner of this installation.
error-sign-in = Please sign in
error-sign-in-text = Sign in to go on.
error-bad-input = That could not be read
error-bad-input-text = Reload the page and try again.
error-too-large = Too large
error-too-large-text = What you sent is larger than is accepted here. Send less, or send it in parts.
error-too-many = Slow down a little
error-too-many-text = Too many tries in a short time. Wait a minute and try again.
error-conflict = Somebody was quicker
error-conflict-text = This was changed while you were looking. Reload the page.
error-broken = Something broke on our side
error-broken-text = Nothing you entered before was lost. Try again in a moment; if it stays, tell whoever runs this installation.
error-trace = Trace
error-home = Go to the start
