// One user a service, in one database of its own and able to touch no other: MongoDB's image runs this once, at its first
// start with an empty volume (/docker-entrypoint-initdb.d). The passwords are secrets: /run/secrets/mongodb_<service>.
//
// A service reads and writes its documents and makes its collections and indexes (readWrite); the one thing more that its
// migration does is to change a validator (collMod). It may not drop its database, nor make users.

const { readFileSync } = require("fs");

const SERVICES = ["catalogue", "feedback", "monitor", "notify", "partners", "referral"];

for (const service of SERVICES) {
  const name = `lahete_${service}`;
  const password = readFileSync(`/run/secrets/mongodb_${service}`, "utf8").trim();
  if (!password) {
    throw new Error(`/run/secrets/mongodb_${service} is empty`);
  }
  const database = db.getSiblingDB(name);
  database.createRole({
    role: "service",
    privileges: [{ resource: { db: name, collection: "" }, actions: ["collMod"] }],
    roles: [{ role: "readWrite", db: name }],
  });
  database.createUser({ user: service, pwd: password, roles: [{ role: "service", db: name }] });
}
