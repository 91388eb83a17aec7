"""What both measurements need: signing in, and asking for pages over one connection."""

import http.client
import urllib.parse

DEMO_EMAIL = "priya@northlight.example"
DEMO_PASSWORD = "lighthouse under maps"


class Visitor:
    """Somebody who is signed in."""

    def __init__(self, base, email=DEMO_EMAIL, password=DEMO_PASSWORD):
        self.base = urllib.parse.urlsplit(base)
        self.connection = http.client.HTTPConnection(self.base.hostname, self.base.port or 80)
        self.cookie = ""
        form = urllib.parse.urlencode({"email": email, "password": password})
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": base.rstrip("/"),
            "Sec-Fetch-Site": "same-origin",
        }
        status, answered, _ = self.ask("POST", "/login", form, headers)
        cookie = answered.get("Set-Cookie", "")
        if status != 303 or not cookie:
            raise SystemExit(f"{base} does not let {email} in: it answered {status}")
        self.cookie = cookie.split(";")[0]

    def ask(self, method, path, body=None, headers=None):
        """Status, headers and body of one answer."""
        headers = {"Host": self.base.netloc, "Cookie": self.cookie, **(headers or {})}
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read()
