/** Takes one of our own parameters out of a URL's query: what is left there is the driver's. */
export function takeParameter(url: URL, name: string): string | undefined {
  const value = url.searchParams.get(name) ?? undefined;
  url.searchParams.delete(name);
  return value;
}
