/** The parts of a page's elements that tests read in Chromium. Our own types are compiled without the DOM's. */
interface Element {
  readonly clientWidth: number;
  readonly scrollWidth: number;
  readonly textContent: string | null;
  getAttribute(name: string): string | null;
  querySelectorAll(selector: string): ArrayLike<Element>;
}
