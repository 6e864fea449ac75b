import { describeWithServer } from "../../support/servers/describe-with-server.ts";
import { mariadbBinary } from "../../support/servers/mariadb.ts";
import { motoBinary } from "../../support/servers/moto.ts";
import { postgresBinary } from "../../support/servers/postgres.ts";
import { tryPrograms } from "./try-programs.ts";

describeWithServer("transactional, in PostgreSQL by pg", postgresBinary, () => tryPrograms("pg", 40));
describeWithServer("transactional, in PostgreSQL by postgres", postgresBinary, () => tryPrograms("postgres.js", 40));
describeWithServer("transactional, in MariaDB", mariadbBinary, () => tryPrograms("mariadb", 40));
describeWithServer("transactional, in DynamoDB by moto", motoBinary, () => tryPrograms("dynamodb", 10));
describeWithServer("leased, in DynamoDB by moto", motoBinary, () => tryPrograms("dynamodb-hold", 10));
