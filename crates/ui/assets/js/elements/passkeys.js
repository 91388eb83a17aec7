// form[data-passkey="create" or "get"]: before it is sent, a key signs what the server asks for at
// data-begin; the form then carries the answer. data-failed says when there is none.
import { send, toast } from "../lib/dom.js";

const ask = {
  create: (options) => navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) }),
  get: (options) => navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) }),
};

async function answered({ dataset, elements }) {
  const response = await send("POST", dataset.begin, {});
  const elsewhere = response.headers.get("HX-Redirect");
  if (elsewhere) {
    location.assign(elsewhere);
    return false;
  }
  if (!response.ok) throw new Error(`asked in vain: ${response.status}`);
  const { token, options } = await response.json();
  const credential = await ask[dataset.passkey](options);
  elements.token.value = token;
  elements.credential.value = JSON.stringify(credential.toJSON());
  return true;
}

document.addEventListener("submit", async (event) => {
  const { target: form, submitter } = event;
  if (!form.matches("form[data-passkey]")) return;
  event.preventDefault();
  for (const part of [form, submitter]) if (part) part.ariaBusy = "true";
  try {
    if (await answered(form)) form.submit();
  } catch {
    // Whoever closes the browser's window has no answer either.
    toast({ text: form.dataset.failed, tone: "bad" });
  } finally {
    for (const part of [form, submitter]) if (part) part.ariaBusy = null;
  }
}, { capture: true });
