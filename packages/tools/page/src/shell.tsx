import { signal } from "@preact/signals";
import type { ComponentChildren, ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { mayChange, read, takeToken } from "./session.ts";
import { place, sections } from "./shell-state.ts";
import { Problem } from "./ui/problem.tsx";
import { ThemeSwitch } from "./ui/theme-switch.tsx";

/** The pages that a shell can show, by their names in the address. */
export type Pages = Readonly<Record<string, { readonly title: string; readonly page: ComponentType }>>;

const problem = signal<string | undefined>(undefined);

/** The pages and the way between them: the fragment of the address names the page. */
export function Shell({ pages, brand }: { readonly pages: Pages; readonly brand: ComponentChildren }) {
  useEffect(() => {
    takeToken();
    const follow = (): void => void (place.value = location.hash.replace(/^#/, ""));
    follow();
    addEventListener("hashchange", follow);
    void load();
    return () => removeEventListener("hashchange", follow);
  }, []);
  const known = sections.value ?? [];
  const current = known.find((name) => place.value.split(/[/?]/)[0] === name) ?? known[0];
  const Page = current === undefined ? undefined : pages[current]?.page;
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the page
      </a>
      <header class="top">
        <strong class="brand">{brand}</strong>
        <nav aria-label="Pages">
          {known.map((name) => (
            <a key={name} href={`#${name}`} aria-current={name === current ? "page" : undefined}>
              {pages[name]?.title}
            </a>
          ))}
        </nav>
        <ThemeSwitch />
      </header>
      <main id="main" tabIndex={-1}>
        {problem.value !== undefined && <Problem text={problem.value} retry={load} />}
        {Page && <Page key={current} />}
      </main>
    </>
  );
}

async function load(): Promise<void> {
  try {
    const known = await read<{ sections: string[]; mayChange: boolean }>("sections");
    mayChange.value = known.mayChange;
    sections.value = known.sections;
    problem.value = undefined;
  } catch (error) {
    problem.value = (error as Error).message;
  }
}

/** The fragment names the page, so the browser must not follow this link to it. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}
