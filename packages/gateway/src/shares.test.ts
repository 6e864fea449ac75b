import { expect, test } from "vitest";
import { addressOwner, Shares } from "./shares.ts";

test("an owner may have three times as much as is free, and gives back what it had", () => {
  const shares = new Shares(128);
  const take = (owner: string): number => {
    let taken = 0;
    while (shares.take(owner)) taken += 1;
    return taken;
  };
  expect(take("greedy")).toBe(96);
  // The next one has a share of the rest, so that some of it is free.
  expect(take("second")).toBe(24);
  expect(shares.free).toBe(8);
  shares.giveBack("greedy", 96);
  shares.giveBack("second", 24);
  expect([shares.free, shares.ownerCount]).toEqual([128, 0]);
});

test("an owner may have the least amount whatever others have, if it is free", () => {
  const shares = new Shares(100, 40);
  expect([shares.take("first", 60), shares.take("second", 40), shares.take("third", 1)]).toEqual([true, true, false]);
});

test.for<[what: string, address: string, owner: string]>([
  ["IPv4", "10.0.0.1", "address 10.0.0.1"],
  ["IPv6", "2001:db8:1:2:3:4:5:6", "address 2001:db8:1:2"],
  ["IPv6 with zeros left out", "2001:db8::6", "address 2001:db8:0:0"],
  ["IPv6 of an interface", "fe80::1%eth0", "address fe80:0:0:0"],
  ["IPv6 of the machine itself", "::1", "address 0:0:0:0"],
])("an address of %s is counted for its network", ([, address, owner]) => {
  expect(addressOwner(address)).toBe(owner);
});
