# Mails to customers
ack-subject = We've got your message, { $reference }
ack-hello = We've got your message
ack-hello-name = We've got your message, { $name }
ack-promise = Thank you for writing. A person at { $company } reads it and answers within { $span }, by { $by } ({ $zone }).
ack-next = What happens now
ack-step-received = Received. Your reference is { $reference }.
ack-step-look = We look into it. There is nothing more for you to do.
ack-step-answer = You get an answer by mail, from a named person.
ack-topic = You chose the topic “{ $topic }”.
ack-files = { $n ->
    [one] One file came with it.
   *[other] { $n } files came with it.
 }
ack-add = Anything to add? Reply to this mail, or see your request online:
ack-button = See your request
ack-why = You get this because you wrote to { $company }. Your reference is { $reference }.
span-hours = { $n ->
    [one] one hour
   *[other] { $n } hours
 }
span-minutes = { $n ->
    [one] one minute
   *[other] { $n } minutes
 }
letter-sender = { $who } at { $company }
letter-foot = Reference { $reference }. Just reply to this mail to go on.
letter-online = All your requests online: { $link }
letter-online-button = All your requests online
letter-wrote = On { $when }, { $who } wrote:
letter-forwarded = Forwarded message from { $who }, { $when }, “{ $subject }”:
withheld-robot = it was sent by a machine

# Notifications
notification-new-ticket = { $who } wrote: “{ $subject }” ({ $ticket })
notification-assigned = { $who } assigned { $ticket } to you: “{ $subject }”
notification-mentioned = { $who } mentioned you in { $ticket }: “{ $subject }”
notification-replied = { $who } replied in { $ticket }: “{ $subject }”
notification-woke = { $ticket } is back: “{ $subject }”
