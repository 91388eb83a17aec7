// Places what floats beside what it belongs to, where CSS anchors cannot.

const GAP_PX = 6;
const EDGE_PX = 8;

export const hasAnchors = CSS.supports("position-area", "block-end");

/** Puts an open popover below its anchor, above it if there is no room, and always on the screen. */
export function place(popover, anchor) {
  const at = anchor.getBoundingClientRect();
  Object.assign(popover.style, { positionArea: "none", margin: 0, inset: "auto" });
  const { width, height } = popover.getBoundingClientRect();
  const isRtl = getComputedStyle(anchor).direction === "rtl";
  const start = isRtl ? at.right - width : at.left;
  const below = at.bottom + GAP_PX;
  const left = Math.min(Math.max(EDGE_PX, start), innerWidth - width - EDGE_PX);
  const top = below + height > innerHeight - EDGE_PX ? Math.max(EDGE_PX, at.top - height - GAP_PX) : below;
  popover.style.left = `${left}px`;
  popover.style.top = `${top}px`;
}

/** Opens a popover that no button opened. */
export function floatAt(popover, anchor) {
  if (!popover.matches(":popover-open")) popover.showPopover();
  place(popover, anchor);
}
