import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** Where one page leads to, and the places on it to which a link can lead. */
interface Page {
  readonly links: readonly string[];
  readonly places: ReadonlySet<string>;
}

/**
 * Finds the links between the pages of a folder that lead nowhere: to a file that is not there, or to a place that the
 * page has not got. Links to other sites are not followed.
 *
 * @param base the path at which the folder stands on its host.
 */
export async function deadLinks(folder: string, base = "/"): Promise<string[]> {
  const files = (await readdir(folder, { recursive: true })).map((file) => file.replaceAll("\\", "/"));
  const pages = new Map<string, Page>();
  for (const file of files.filter((name) => name.endsWith(".html"))) {
    pages.set(file, pageOf(await readFile(join(folder, file), "utf8")));
  }
  const known = new Set(files);
  return [...pages].flatMap(([from, { links }]) =>
    links
      .filter((link) => {
        const { pathname, hash } = new URL(link, `http://site${base}${from}`);
        const to = fileAt(pathname, base);
        const place = decodeURIComponent(hash.slice(1));
        return !known.has(to) || (place !== "" && pages.get(to)?.places.has(place) === false);
      })
      .map((link) => `${from}: ${link} leads nowhere`),
  );
}

/** The file that a server sends for a path. */
function fileAt(pathname: string, base: string): string {
  const path = decodeURIComponent(pathname.startsWith(base) ? pathname.slice(base.length) : pathname);
  return path === "" || path.endsWith("/") ? `${path}index.html` : path;
}

function pageOf(html: string): Page {
  const valuesOf = (attribute: string): string[] =>
    Array.from(html.matchAll(new RegExp(` ${attribute}="([^"]*)"`, "g")), ([, value = ""]) =>
      value.replaceAll("&amp;", "&"),
    );
  const links = [...valuesOf("href"), ...valuesOf("src")];
  return {
    links: [...new Set(links)].filter((link) => !/^(https?|data|mailto):/.test(link)),
    // A page that a script draws names the places that it will have.
    places: new Set([...valuesOf("id"), ...valuesOf("data-places").flatMap((names) => names.split(" "))]),
  };
}
