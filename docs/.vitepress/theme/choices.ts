/** The choices of a reader, which hold for all pages: the package manager, and whether long lines are wrapped. */

const managerItem = "once-again-package-manager";
const wrapItem = "once-again-wrap";

/** Listens for choices; each is stored in the browser. */
export function listenForChoices(): void {
  document.addEventListener("click", ({ target }) => {
    if (!(target instanceof HTMLElement)) return;
    if (target instanceof HTMLInputElement && target.dataset["manager"] !== undefined) {
      localStorage.setItem(managerItem, target.dataset["manager"]);
      applyChoices();
    }
    if (target.matches("button.wrap")) {
      const isWrapped = document.documentElement.dataset["wrap"] === "on";
      localStorage.setItem(wrapItem, isWrapped ? "off" : "on");
      applyChoices();
    }
  });
}

/** Shows the page as it was chosen. */
export function applyChoices(): void {
  const manager = localStorage.getItem(managerItem) ?? "npm";
  for (const input of document.querySelectorAll<HTMLInputElement>("input[data-manager]")) {
    // A click also shows the block; on one that is checked it does nothing.
    if (input.dataset["manager"] === manager && !input.checked) input.click();
  }
  const wrap = localStorage.getItem(wrapItem) ?? "off";
  document.documentElement.dataset["wrap"] = wrap;
  for (const button of document.querySelectorAll("button.wrap")) {
    button.setAttribute("aria-pressed", String(wrap === "on"));
  }
}
