# Inboxes
inboxes-title = Inboxes
inboxes-text = Where customers write to, and how answers leave.
inboxes-none = No inbox yet
inboxes-none-text = Connect a mailbox, and every mail becomes a ticket.
inboxes-archived = Archived inboxes
inbox-new = New inbox
inbox-state = How it is doing
inbox-who = Name and answers
inbox-name = Name
inbox-name-hint = What your team calls it.
inbox-name-missing = Give the inbox a name
inbox-address = Address
inbox-address-hint = Customers write here, and answers come from here.
inbox-sender = Sender's name
inbox-sender-hint = What customers see beside the address.
inbox-reply = You usually answer within
inbox-reply-hint = The acknowledgement promises this time.
inbox-reply-wrong = Choose a time from the list
inbox-reply-minutes = { $n ->
    [one] { $n } minute
   *[other] { $n } minutes
}
inbox-reply-hours = { $n ->
    [one] { $n } hour
   *[other] { $n } hours
}
inbox-reply-days = { $n ->
    [one] { $n } day
   *[other] { $n } days
}
inbox-signature = Signature
inbox-signature-hint = Stands under every answer, below the person's own.
inbox-acknowledges = Acknowledge each new ticket
inbox-acknowledges-note = Once, with its reference and the time above. Never to a robot.
inbox-in = Incoming mail
inbox-out = Outgoing mail
inbox-folder = Folder
inbox-folder-hint = Usually INBOX.
inbox-password-kept = A password is stored. Leave this empty to keep it; it is dropped when the server, port or user name changes.
inbox-history-from = Take older mail since
inbox-history-missing = Choose the day from which older mail is taken
inbox-move-to = Folder for fetched mail
inbox-move-missing = Name another folder than the one that is read
inbox-choice-missing = Choose one of the offered ways
inbox-more = More about incoming mail
inbox-plus = The server delivers tagged addresses
inbox-plus-note = Mail to name+tag@your.domain arrives here, too. Answers then carry an address that proves where they belong.
inbox-trusted = Server whose checks are believed
inbox-trusted-hint = The name that your mail server writes into Authentication-Results, like mx.example.com. Without it, SPF is not believed.
inbox-archived = Archived
inbox-by-form = By the contact form
inbox-by-api = By the API
inbox-handed = Handed over by your mail server
inbox-first-look = First look within seconds
inbox-works = Fetched { $at }
inbox-fails = Fails since { $since }
inbox-silent = Silent, fails since { $since }
inbox-quiet = No mail since { $since }
inbox-quiet-text = In the four weeks before, it was never longer than { $usual } hours. Write to the address yourself and see whether it arrives.
inbox-not-looked = Not fetched for five minutes
inbox-not-looked-text = No server of this installation looks at it. Is one running?
inbox-refused = The permission was refused
inbox-unconnected = Not connected yet
inbox-unconnected-text = Connect it with the provider.
inbox-sends-by = By { $host }
inbox-sends-not = Cannot send yet
inbox-sends-other = Through another inbox
inbox-archive-title = Archive
inbox-archive = Archive inbox
inbox-archive-text = Mail is no longer taken in and the address is refused. Its tickets stay.
inbox-restore = Use it again
inbox-restore-text = The inbox is archived. Its connection is kept, and mail since then is fetched when it is used again.
breadcrumb = Where you are

# Connection
sign-in-title = Signing in at the mail server
sign-in-legend = How does the mail server let you in?
sign-in-password = With a password
sign-in-password-note = Or an app password, where you use two-step sign-in.
sign-in-google = Google
sign-in-google-note = Gmail and Google Workspace, without a password.
sign-in-microsoft = Microsoft
sign-in-microsoft-note = Microsoft 365 and Outlook.com, without a password.
sign-in-own = Another provider with OAuth
sign-in-own-note = You know its addresses for authorization and tokens.
oauth-text = Register this installation with the provider and enter the client id and secret that it gives you. It asks for a redirect address, which is:
oauth-client = Client id
oauth-client-missing = Enter the client id from the provider
oauth-secret = Client secret
oauth-secret-kept = A secret is stored. Leave this empty to keep it.
oauth-secret-missing = Enter the client secret from the provider
oauth-authorize = Authorization address
oauth-token = Token address
oauth-scope = Scope
oauth-url-wrong = Enter an address that begins with https:// and has no question mark
oauth-connect = Connect with the provider
oauth-connect-again = Connect again
oauth-permission = Permission
oauth-given = Given by the provider
oauth-given-text = It is renewed by itself.
oauth-too-late = This answer of the provider belongs to nobody who is waiting for one. Connect again from the inbox's page.
way-in-legend = How does mail come in?
way-in-imap = From a mailbox
way-in-imap-note = It is read over IMAP, and new mail comes at once.
way-in-handed = Handed over by a mail server
way-in-handed-note = A mail server on this machine delivers by LMTP or through “recourse mail deliver”.
way-out-legend = How do answers leave?
way-out-smtp = Through a mail server
way-out-smtp-note = With SMTP, signed in.
way-out-none = Not from here
way-out-none-note = Answers wait until a server is entered, or leave through the first inbox that can send.
host-wrong-incoming = Enter the name of the server for incoming mail, like imap.example.com
host-wrong-outgoing = Enter the name of the server for outgoing mail, like smtp.example.com
imap-host-hint = Your provider calls it the IMAP server.
imap-port-hint = 993, or 143 with STARTTLS.
smtp-host-hint = Your provider calls it the SMTP or outgoing server.
smtp-port-hint = 587 with STARTTLS, or 465.
server-user-hint = Usually the address itself.
server-user-missing = Enter the user name
server-password-missing = Enter the password
server-password-hint = Stored sealed, and never shown again.
tls-none-warning = Without encryption anybody on the way can read the password and the mail.
begin-legend = Which mail is taken?
begin-now = From now on
begin-now-note = What is in the mailbox already stays there.
begin-history = Older mail, too
begin-history-note = As history: no acknowledgement, no notification, resolved.
after-legend = What happens to fetched mail on the server?
after-leave = Leave it as it is
after-seen = Mark it as read
after-move = Move it to a folder

# Trial
probe-title = Try the connection
probe-button = Try it now
probe-text = Signs in at both servers and says what works. No mail is read or sent.
probe-first = First put this right:
probe-nothing = There is no server to try
probe-imap = Incoming: { $host }, port { $port }
probe-smtp = Outgoing: { $host }, port { $port }
probe-reached = Find the server
probe-encrypted = Encrypt
probe-greeted = Greet
probe-signed-in = Sign in
probe-folder = Open the folder
probe-unconnected = Save the inbox and connect it with the provider first.
probe-worked = Worked.
probe-failed = Failed.
probe-skipped = Not tried.

# Domain
domain-title = Domain check
domain-link = Check the domain
domain-of = Mail from { $domain }
domain-text = Other mail servers look for three records before they believe that a mail is yours.
domain-ok = Good
domain-missing = Missing
domain-wrong = Needs a change
domain-unknown = Not known
record-kind = Type
record-name = Name
record-value = Value
record-found = What is published now
record-copy-name = Copy the name
record-copy-value = Copy the value
dkim-title = Signature on outgoing mail
dkim-text = Most providers sign your mail themselves. If yours does not, make a key here: mail from this inbox is then signed, and you publish its record.
dkim-on = Mail from this inbox is signed. This record lets others check it:
dkim-make = Make a key
dkim-again = Make a new key
dkim-off = Turn signing off

# Set-up
setup-inbox-title = Where do customers write?
setup-inbox-text = We read this mailbox and answer from it. Nothing goes out before you send it.
setup-inbox-name = Support

# Ledger
ledger-title = Mail ledger
ledger-text = Every mail that came in, and what became of it. Nothing is ever hidden.
ledger-filter = Narrow the ledger
ledger-all = Everything
ledger-all-inboxes = Every inbox
ledger-show = Show
ledger-mail = Mail
ledger-inbox = Inbox
ledger-fate = What became of it
ledger-received = Received
ledger-older = Older
ledger-none = No mail yet
ledger-none-narrowed = No such mail
ledger-none-text = Mail shows up here as soon as it is stored.
ledger-no-sender = No readable sender
ledger-no-subject = (no subject)
ledger-unread = About to be read
ledger-what = What became of it
ledger-raw = Download the source
ledger-retry = Read it again
ledger-ticket = Ticket
ledger-decided = Decided
ledger-from = From
ledger-to = To
ledger-history = as history
ledger-size = Size
ledger-attempts = Tries
ledger-says = What it says
ledger-no-text = There is no text in it.
ledger-black = What this mail said was blacked out in its ticket.
ledger-files = Files:
mail-over-budget = Showing this mail as it was sent would take too long. This is its text; download the source to see all of it.
fate-received = Received
fate-ticketed = Ticket
fate-quarantined = Quarantine
fate-bounce = Bounce
fate-failed = Failed
fate-dismissed = Put aside
decided-released = Released by { $name }, { $at }
decided-dismissed = Put aside by { $name }, { $at }

# Quarantine
quarantine-title = Quarantine
quarantine-text = Mail that looks like spam, comes from a blocked sender, or reports on a mail that is not ours waits here. What you decide is learned.
quarantine-held = Held
quarantine-aside = Put aside
quarantine-none = Nothing is held
quarantine-none-aside = Nothing was put aside
quarantine-none-text = Mail that is held shows up here.
quarantine-none-chosen = Tick the mails first
quarantine-choose = choose
quarantine-look = Look at it
quarantine-release = No spam
quarantine-release-all = No spam, release
quarantine-dismiss = Spam
quarantine-dismiss-all = Spam, put aside
quarantine-hold = Hold again
quarantine-remember = Remember the sender, too
quarantine-released = { $n ->
    [one] Released, a ticket follows
   *[other] { $n } released, tickets follow
}
quarantine-dismissed = { $n ->
    [one] Put aside as spam
   *[other] { $n } put aside as spam
}

# Senders
senders-title = Senders
senders-text = Whose mail is always let in, and whose is always held.
senders-blocked = Always held
senders-allowed = Always let in
senders-none = Nobody yet.
sender-add = Add a sender
sender-pattern = Address or domain
sender-pattern-hint = Like name@example.com, or @example.com for everybody there.
sender-rule = Their mail is
sender-rule-hint = Mail that fails the check of its sender is never let in for its name alone.
sender-block = Always held
sender-allow = Always let in
sender-since = Since
sender-said = { $at }, { $name }
sender-forget = Forget
sender-forget-one = Forget { $pattern }
sender-forgotten = { $pattern } is treated like everybody again

# Outgoing
outgoing-title = Outgoing mail
outgoing-text = What waits to leave, what did not arrive, and who cannot be reached.
outgoing-tab-waiting = Waiting
outgoing-tab-failed = Did not arrive
outgoing-tab-dead = Unreachable addresses
outgoing-none = Nothing waits
outgoing-none-failed = Everything arrived
outgoing-none-text = Mail leaves within seconds after the time to undo.
outgoing-mail = Mail
outgoing-state = State
outgoing-when = When
outgoing-fault = Reason
outgoing-queued = Waiting
outgoing-again = Tried again
outgoing-sending = On its way
outgoing-sent = Sent
outgoing-failed = Failed
outgoing-bounced = Bounced
outgoing-discarded = Discarded
outgoing-retry = Send again
outgoing-discard = Discard
letter-reply = Answer
letter-forward = Forward
letter-acknowledgement = Acknowledgement
letter-automatic = Automatic
letter-system = System
dead-none = Everybody can be reached
dead-none-text = Addresses whose mail bounced for good show up here.
dead-text = No automatic mail goes to these addresses. Answers of people still do.
dead-address = Address
dead-lift = Write to it again

alarm-subject = No mail comes in at { $inbox }
quiet-subject = Nothing comes to { $inbox } any more
quiet-text = For { $pause } hours no mail has come to the inbox { $inbox }. In the four weeks before, it was never longer than { $usual } hours. Write to its address yourself: if that does not arrive, look at the mailbox, its forwarding and the mail server. The inbox:
cap-subject = Very much automatic mail was asked for
cap-text = Within an hour, { $cap } acknowledgements and links went to addresses that nobody has proven to be theirs. Recourse sends no more of them before the hour is over; tickets say when an acknowledgement was withheld. If you do not expect so many new customers, somebody may be writing in the name of others. What came in:
alarm-text = For five minutes Recourse could not look for mail at the inbox { $inbox }. What customers write meanwhile stays at the mail server and comes in later. Look at its settings:
alarm-text-fault = For five minutes Recourse could not look for mail at the inbox { $inbox }. What customers write meanwhile stays at the mail server and comes in later. This is what the last try met: { $fault }
