import { describeWithServer } from "../../servers/describe-with-server.ts";
import { mariadbBinary } from "../../servers/mysql.ts";
import { postgresBinary } from "../../servers/postgres.ts";
import { tryPrograms } from "./try-programs.ts";

describeWithServer("transactional, in PostgreSQL by pg", postgresBinary, () => tryPrograms("pg", 40));
describeWithServer("transactional, in PostgreSQL by postgres", postgresBinary, () => tryPrograms("postgres.js", 40));
describeWithServer("transactional, in MariaDB", mariadbBinary, () => tryPrograms("mariadb", 40));
