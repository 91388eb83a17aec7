// The palette: type, move, go. The server sends the options: data-go is an address, data-press the
// shortcut of a control that is on the page.
import { steer } from "./options.js";
import { press } from "../elements/hotkeys.js";

steer("#palette", ({ dataset }, palette) => {
  palette.close();
  if (dataset.go) location.assign(dataset.go);
  else if (dataset.press) press(dataset.press);
});
