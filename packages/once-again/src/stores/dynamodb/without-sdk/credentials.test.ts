import { describe, expect, test, vi } from "vitest";
import { type Credentials, environmentCredentials, fixedCredentials, providedCredentials } from "./credentials.ts";

const refusal = (code: string, words: string) => ({ code, message: expect.stringContaining(words) as string });
const unavailable = (words: string) => refusal("ONCE_STORE_UNAVAILABLE", words);
const minuteMs = 60_000;

describe("the credentials of the environment", () => {
  test("are read each time, so that changed ones count", () => {
    vi.stubEnv("AWS_ACCESS_KEY_ID", "one");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "secret");
    vi.stubEnv("AWS_SESSION_TOKEN", "");
    expect(environmentCredentials.get(0)).toMatchObject({ accessKeyId: "one", sessionToken: undefined });
    vi.stubEnv("AWS_ACCESS_KEY_ID", "other");
    vi.stubEnv("AWS_SESSION_TOKEN", "token");
    expect(environmentCredentials.get(0)).toMatchObject({ accessKeyId: "other", sessionToken: "token" });
    vi.unstubAllEnvs();
  });

  test.each(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])("without %s the error says what to set", (name) => {
    vi.stubEnv("AWS_ACCESS_KEY_ID", "one");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "secret");
    vi.stubEnv(name, undefined);
    expect(() => environmentCredentials.get(0)).toThrow(
      expect.objectContaining(unavailable("give the client `credentials`")) as Error,
    );
    vi.unstubAllEnvs();
  });
});

test("wrong credentials are refused by the names of their parts, without showing one", () => {
  const wrong = [
    [{ accessKeyId: "one", secretAccessKey: 7 }, "secretAccessKey"],
    [{ accessKeyId: "one\n", secretAccessKey: "hidden" }, "accessKeyId"],
    [{ accessKeyId: "one", secretAccessKey: "hidden", sessionToken: "a b" }, "sessionToken"],
    [{ accessKeyId: "one", secretAccessKey: "hidden", expiration: "soon" }, "expiration"],
    [{ accessKeyId: "one", secretAccessKey: "hidden", expiration: 1_796_000_000 }, "expiration"],
    [{ accessKeyId: "one", secretAccessKey: "hidden", expiration: Symbol("soon") }, "expiration"],
    [{ AccessKeyId: "one", SecretAccessKey: "hidden" }, "accessKeyId and secretAccessKey"],
  ] as const;
  for (const [given, name] of wrong) {
    const open = () => fixedCredentials(given);
    expect(open).toThrow(expect.objectContaining(refusal("ONCE_OPTION_INVALID", `no usable ${name}:`)) as Error);
    expect(open).not.toThrow("hidden");
  }
});

test.each([null, ""])("a session token that is %j counts as missing, as the client of AWS has it", (sessionToken) => {
  const source = fixedCredentials({ accessKeyId: "one", secretAccessKey: "secret", sessionToken });
  expect(source.get(0)).toMatchObject({ sessionToken: undefined });
});

describe("a provider", () => {
  const given = (accessKeyId: string, endsAtMs?: number): Credentials => ({
    accessKeyId,
    secretAccessKey: "secret",
    ...(endsAtMs !== undefined && { expiration: new Date(endsAtMs) }),
  });

  test("of credentials that never end is asked once, also by requests that come at a time", async () => {
    const provider = vi.fn<() => Promise<unknown>>(async () => given("one"));
    const source = providedCredentials(provider);
    const both = await Promise.all([source.get(0), source.get(0)]);
    expect(both.map(({ accessKeyId }) => accessKeyId)).toEqual(["one", "one"]);
    expect(source.get(Number.MAX_SAFE_INTEGER)).toMatchObject({ accessKeyId: "one" });
    expect(provider).toHaveBeenCalledTimes(1);
  });

  test("is asked before its credentials end, once at a time, and no request waits for it", async () => {
    const renewal = Promise.withResolvers<Credentials>();
    const provider = vi
      .fn<() => Promise<unknown>>()
      .mockResolvedValueOnce(given("one", 60 * minuteMs))
      .mockReturnValueOnce(renewal.promise);
    const source = providedCredentials(provider);
    await source.get(0);
    expect(source.get(54 * minuteMs)).toMatchObject({ accessKeyId: "one" });
    expect(provider).toHaveBeenCalledTimes(1);
    for (let time = 1; time <= 2; time += 1) expect(source.get(56 * minuteMs)).toMatchObject({ accessKeyId: "one" });
    expect(provider).toHaveBeenCalledTimes(2);
    renewal.resolve(given("two", 120 * minuteMs));
    await vi.waitFor(() => expect(source.get(56 * minuteMs)).toMatchObject({ accessKeyId: "two" }));
    expect(provider).toHaveBeenCalledTimes(2);
  });

  test("that fails is asked again by the next request, and those before hold as long as they are good", async () => {
    const provider = vi
      .fn<() => Promise<unknown>>()
      .mockResolvedValueOnce(given("one", 60 * minuteMs))
      .mockRejectedValueOnce(new Error("no network"))
      .mockRejectedValueOnce(new Error("no network"))
      .mockRejectedValueOnce(new Error("no network"))
      .mockResolvedValueOnce({ accessKeyId: "two" })
      .mockResolvedValueOnce(given("two"));
    const source = providedCredentials(provider);
    await source.get(0);
    expect(source.get(56 * minuteMs)).toMatchObject({ accessKeyId: "one" });
    await new Promise(setImmediate);
    await expect(async () => source.get(60 * minuteMs)).rejects.toMatchObject(unavailable("provider"));
    await expect(async () => source.get(60 * minuteMs)).rejects.toMatchObject({ cause: new Error("no network") });
    await expect(async () => source.get(60 * minuteMs)).rejects.toMatchObject(unavailable("secretAccessKey"));
    expect(await source.get(60 * minuteMs)).toMatchObject({ accessKeyId: "two" });
  });

  test("that fails while its credentials are good is asked again, and no error comes of it", async () => {
    const provider = vi
      .fn<() => Promise<unknown>>()
      .mockResolvedValueOnce(given("one", 60 * minuteMs))
      .mockRejectedValue(new Error("no network"));
    const source = providedCredentials(provider);
    await source.get(0);
    for (let asked = 2; asked <= 3; asked += 1) {
      expect(source.get(56 * minuteMs)).toMatchObject({ accessKeyId: "one" });
      await new Promise(setImmediate);
      expect(provider).toHaveBeenCalledTimes(asked);
    }
  });

  test("that has not answered for half a minute is asked once more, and fails alone", async () => {
    const [first, late] = [Promise.withResolvers<Credentials>(), Promise.withResolvers<Credentials>()];
    const provider = vi
      .fn<() => Promise<unknown>>()
      .mockReturnValueOnce(first.promise)
      .mockReturnValueOnce(late.promise);
    const source = providedCredentials(provider);
    for (const nowMs of [0, 30_000, 30_001, 60_001]) void source.get(nowMs);
    first.reject(new Error("no network"));
    await new Promise(setImmediate);
    const last = source.get(60_001);
    expect(provider).toHaveBeenCalledTimes(2);
    late.resolve(given("one"));
    expect(await last).toMatchObject({ accessKeyId: "one" });
  });

  test("that throws before it has made a promise is asked again by the next request", async () => {
    const provider = vi
      .fn<() => Promise<unknown>>()
      .mockImplementationOnce(() => {
        throw new Error("no file");
      })
      .mockResolvedValueOnce(given("one"));
    const source = providedCredentials(provider);
    await expect(async () => source.get(0)).rejects.toMatchObject(unavailable("provider"));
    expect(await source.get(0)).toMatchObject({ accessKeyId: "one" });
  });

  test("that stores its credentials is asked for others where AWS takes those no longer, until it has some", async () => {
    const provider = vi
      .fn<(options: { forceRefresh: boolean }) => Promise<unknown>>()
      .mockResolvedValueOnce(given("one"))
      .mockRejectedValueOnce(new Error("no network"))
      .mockResolvedValueOnce(given("two", 4 * minuteMs))
      .mockResolvedValueOnce(given("three"));
    const source = providedCredentials(provider);
    source.drop(await source.get(0));
    await expect(async () => source.get(0)).rejects.toMatchObject(unavailable("provider"));
    await source.get(0);
    await source.get(4 * minuteMs);
    expect(provider.mock.calls.map(([{ forceRefresh }]) => forceRefresh)).toEqual([false, true, true, false]);
  });

  test("is asked anew when AWS takes its credentials no longer, once for all requests that had them", async () => {
    const provider = vi
      .fn<() => Promise<unknown>>()
      .mockResolvedValueOnce(given("one"))
      .mockResolvedValueOnce(given("two"));
    const source = providedCredentials(provider);
    const old = await source.get(0);
    expect(source.drop(old)).toBe(true);
    expect(await source.get(0)).toMatchObject({ accessKeyId: "two" });
    source.drop(old);
    expect(source.get(0)).toMatchObject({ accessKeyId: "two" });
    expect(provider).toHaveBeenCalledTimes(2);
  });
});
