// A list of options steered from a field: arrows move, Enter takes, focus stays where one types.

export class Options {
  #root;
  #field;

  constructor(root, field) {
    this.#root = root;
    this.#field = field;
  }

  get shown() {
    return [...this.#root.querySelectorAll("[role=option]:not([hidden])")];
  }

  get current() {
    return this.shown.find((option) => option.ariaSelected === "true");
  }

  select(option) {
    for (const other of this.#root.querySelectorAll("[role=option]")) other.setAttribute("aria-selected", String(other === option));
    if (option) this.#field.setAttribute("aria-activedescendant", option.id);
    else this.#field.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  }

  selectFirst() {
    this.select(this.shown[0]);
  }

  /** Handles an arrow key. Says whether it was one. */
  move({ key }) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[key];
    const all = this.shown;
    if (!step || !all.length) return false;
    const at = all.indexOf(this.current);
    this.select(all.at(at < 0 && step < 0 ? -1 : (at + step) % all.length));
    return true;
  }
}

/** Steers the list of a lookup: a dialog or popover with a [data-lookup] field and options from the server. */
export function steer(selector, take) {
  const optionsOf = (root) => new Options(root, root.querySelector("[data-lookup]"));
  const within = (type, handler) => document.addEventListener(type, (event) => {
    const root = event.target.closest?.(selector);
    if (root) handler(root, event);
  });
  within("keydown", (root, event) => {
    const options = optionsOf(root);
    const isEnter = event.key === "Enter" && !event.isComposing;
    if (!isEnter && !options.move(event)) return;
    event.preventDefault();
    if (isEnter && options.current) take(options.current, root);
  });
  within("click", (root, { target }) => {
    const option = target.closest("[role=option]");
    if (option) take(option, root);
  });
  within("htmx:after:settle", (root) => optionsOf(root).selectFirst());
}
