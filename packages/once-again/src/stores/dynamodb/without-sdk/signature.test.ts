import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { describe, expect, onTestFinished, test } from "vitest";
import { signatureDate, signer } from "./signature.ts";

const host = "example.amazonaws.com";
const date = "20150830T123600Z";
const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
const sessionToken =
  "AQoDYXdzEPT//////////wEXAMPLEtc764bNrKM9SAqgDJkCIJFhtmGdQcZoSWU94FqQHgNLIZWMfGVJyzkKyHzTvmeHjVmSAYv3wmgDPkCXQ" +
  "UxJXOnxfEcM3XHSEvIyFMGUVuvcPnCdJlOTxUh73fXABGBtTmRcQxW3kJFLPx8S3FQwpPwYJTtOQoWxHjPLLJ3c5ZIkJJXTqK14JPxW1w==";

describe("the vectors of AWS' test suite of Signature Version 4", () => {
  test.each([
    { name: "post-vanilla", more: {}, signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
    {
      name: "post-header-key-sort",
      more: { "my-header1": "value1" },
      signature: "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    },
    {
      name: "post-header-value-case",
      more: { "my-header1": "VALUE1" },
      signature: "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
    },
    {
      name: "post-x-www-form-urlencoded",
      more: { "content-type": "application/x-www-form-urlencoded" },
      body: "Param1=value1",
      signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    },
  ])("$name", ({ more, body = "", signature }) => {
    const unsorted = Object.entries({ host, "x-amz-date": date, ...more });
    const headers = Object.fromEntries(unsorted.sort(([one], [other]) => (one < other ? -1 : 1)));
    const authorize = signer({ region: "us-east-1", service: "service" });
    // Again, with the key of the day as it was made before.
    for (let time = 1; time <= 2; time += 1) {
      expect(authorize({ headers, body, date }, credentials)).toBe(
        `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=${Object.keys(headers).join(";")}, ` +
          `Signature=${signature}`,
      );
    }
  });
});

test("a request of the client of AWS has the signature that we give to the same headers, with each secret", async () => {
  const server = createServer(async (request, response) => {
    seen.push({ headers: request.headers as Record<string, string>, body: await text(request) });
    response.end("{}");
  });
  const seen: { headers: Record<string, string>; body: string }[] = [];
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const authorize = signer({ region: "eu-west-1", service: "dynamodb" });
  for (const secretAccessKey of ["one", "other"]) {
    const same = { accessKeyId: "A", secretAccessKey, sessionToken };
    const client = new DynamoDBClient({
      region: "eu-west-1",
      endpoint: `http://127.0.0.1:${port}`,
      credentials: same,
      maxAttempts: 1,
    });
    await client.send(new GetItemCommand({ TableName: "once", Key: { pk: { S: "“tea” \ud83c\udf75" } } }));
    client.destroy();
    const { headers, body } = seen.at(-1)!;
    const theirs = headers["authorization"]!;
    const names = /SignedHeaders=([^,]+),/.exec(theirs)![1]!.split(";");
    expect(names).toEqual(expect.arrayContaining(["host", "x-amz-date", "x-amz-security-token", "x-amz-target"]));
    const signed = Object.fromEntries(names.map((name) => [name, headers[name]!]));
    expect(authorize({ headers: signed, body, date: headers["x-amz-date"]! }, same)).toBe(theirs);
  }
});

test("the key of a day is made anew for the next one", () => {
  const open = () => signer({ region: "us-east-1", service: "service" });
  const sign = (authorize: ReturnType<typeof open>, day: string) =>
    authorize({ headers: { host, "x-amz-date": `${day}T123600Z` }, body: "", date: `${day}T123600Z` }, credentials);
  const authorize = open();
  for (const day of ["20150830", "20150831"]) expect(sign(authorize, day)).toBe(sign(open(), day));
});

test("a date is that of AWS, to the second", () => {
  expect(signatureDate(Date.UTC(2015, 7, 30, 12, 36, 0, 999))).toBe(date);
});
