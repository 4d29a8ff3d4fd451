// Single keys that lead somewhere: what has `aria-keyshortcuts` names its own. A page has this script only where its reader has not
// switched the keys off (WCAG 2.2, 2.1.4).
const FIELDS = "input, select, textarea, [contenteditable]";
const LAYERS = "dialog[open], :popover-open";

function isForSomethingElse(event) {
  const isCombined = event.ctrlKey || event.altKey || event.metaKey || event.isComposing || event.repeat;
  return isCombined || event.defaultPrevented || event.target.closest(FIELDS) || document.querySelector(LAYERS);
}

function lead(to) {
  if (!to.matches(FIELDS)) return to.click();
  if (!to.checkVisibility()) to.closest("[popover]")?.showPopover();
  to.focus();
}

addEventListener("keydown", (event) => {
  if (isForSomethingElse(event)) return;
  const to = document.querySelector(`[aria-keyshortcuts="${CSS.escape(event.key)}"]`);
  if (!to) return;
  event.preventDefault();
  lead(to);
});
