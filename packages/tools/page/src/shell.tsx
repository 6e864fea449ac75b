import { signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { GatewaysPage } from "./gateways/gateways-page.tsx";
import { KeysPage } from "./keys/keys-page.tsx";
import { LabPage } from "./lab/lab-page.tsx";
import { MessagesPage } from "./messages/messages-page.tsx";
import { mayChange, read, takeToken } from "./session.ts";
import { place, sections } from "./shell-state.ts";
import { StormsPage } from "./storms/storms-page.tsx";
import { Problem } from "./ui/problem.tsx";
import { ThemeSwitch } from "./ui/theme-switch.tsx";

const pages: Readonly<Record<string, { title: string; page: ComponentType }>> = {
  lab: { title: "Lab", page: LabPage },
  storms: { title: "Storms", page: StormsPage },
  keys: { title: "Keys", page: KeysPage },
  messages: { title: "Messages", page: MessagesPage },
  gateways: { title: "Gateways", page: GatewaysPage },
};

const problem = signal<string | undefined>(undefined);

/** The pages and the way between them: the fragment of the address names the page. */
export function Shell() {
  useEffect(() => {
    takeToken();
    const follow = (): void => void (place.value = location.hash.replace(/^#/, ""));
    follow();
    addEventListener("hashchange", follow);
    void load();
    return () => removeEventListener("hashchange", follow);
  }, []);
  const known = sections.value ?? [];
  const current = known.find((name) => place.value.split("/")[0] === name) ?? known[0];
  const Page = current === undefined ? undefined : pages[current]?.page;
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the page
      </a>
      <header class="top">
        <strong class="brand">once-again</strong>
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
