import { storesOnServers } from "../../kits/stores/on-servers.ts";
import { motoBinary } from "../../support/servers/moto.ts";
import { describeWithServer } from "../../support/servers/describe-with-server.ts";
import { otherPlaces } from "./places.ts";
import { describePrograms, tryPrograms } from "./try-programs.ts";

await describePrograms(storesOnServers);
describeWithServer("dynamodb, with its effects", motoBinary, () => tryPrograms(otherPlaces["dynamodb"]!, 10));
