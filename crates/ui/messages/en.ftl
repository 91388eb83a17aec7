# Times
when-now = now
when-yesterday = Yesterday
when-today = Today
when-tomorrow = Tomorrow
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
error-too-many-text = Too many tries in a short time. Wait for a while, at most an hour, and try again.
error-conflict = Somebody was quicker
error-conflict-text = This was changed while you were looking. Reload the page.
error-full = There is no room left
error-full-text = The disk of this installation is full, so this could not be saved. What was saved before is safe. Tell whoever runs it, and try again once there is room.
error-too-slow = This list takes too long
error-too-slow-text = There is too much to look through at once: narrow the list, such as by an inbox, a status or a day, and try again.
error-broken = Something broke on our side
error-broken-text = Nothing you entered before was lost. Try again in a moment; if it stays, tell whoever runs this installation.
error-trace = Trace
error-home = Go to the start

# Words that many places share
undo = Undo
close = Close
done = Done
save = Save
saved = Saved
cancel = Cancel
add = Add
remove = Remove
edit = Edit
continue = Continue
optional = optional
show-password = Show password
problem-title = There is a problem

# The frame
frame-skip = Skip to content
frame-main = Main
frame-main-phone = Main, phone
frame-offline = Reconnecting. What you write is kept.
frame-disk-full = The disk of the server is full: nothing is taken in until there is room.
frame-search = Search or jump to
frame-your-menu = your menu
frame-new-one = { "{n}" } new, show
frame-new-other = { "{n}" } new, show
frame-toasts = Messages
frame-failed = That did not work. Try again.
frame-unreachable = The server cannot be reached. What you wrote is kept.
frame-inbox = Inbox
frame-need-reply = need a reply
frame-find = Search
frame-customers = Customers
frame-news = News
frame-unread = unread
frame-more = More
frame-profile = Your profile
frame-notifications = Notifications
frame-appearance = Appearance
frame-settings = Settings
theme-auto = Match system
theme-light = Light
theme-dark = Dark
density-compact = Compact lists
font-hyperlegible = Hyperlegible typeface
sign-out = Sign out
new-ticket = New ticket
clock-forms = { "{d}" }d|{ "{h}" }h { "{m}" }m|{ "{h}" }h|{ "{m}" }m|{ "{t}" } over

# The palette
palette-title = Search and commands
palette-label = Search tickets and customers, or type a command
palette-placeholder = Search, or type a command
palette-results = Results
palette-move = move
palette-open = open
palette-reference = Type RC- to find a reference

# Keys
keys-title = Keyboard shortcuts
keys-single = Single-key shortcuts on
keys-move = Move
keys-act = Act
keys-write = While writing
keys-anywhere = Anywhere
key-next = Next, previous ticket
key-open = Open ticket
key-back = Back to the list
key-select = Select for several at once
key-pane = Previous, next pane
key-panel = Customer panel
key-filter = Filter
key-reply = Reply
key-note = Note
key-forward = Forward
key-assign = Assign
key-tags = Tags
key-priority = Priority
key-snooze = Snooze
key-resolve = Resolve
key-merge = Merge
key-send = Send
key-send-resolve = Send and resolve
key-saved-reply = Insert a saved reply
key-mention = Mention a teammate
key-leave = Leave the editor, draft kept
key-palette = Search and commands
key-search = Search this list
key-new = New ticket
key-go-inbox = Go to the inbox
key-go-settings = Go to settings
key-help = This list

# Set-up
setup-time = About five minutes. You can change all of it later.
setup-steps = Set-up steps

# Public pages
public-title = { $company } Help
public-nav = Help
public-requests = My requests
public-contact = Contact us
