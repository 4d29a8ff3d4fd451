// Compiles every JSON Schema of a folder in ajv's strict mode and judges the cases of stdin: [{schema, data}, ...].
// Prints {faults: [...], valid: [true, false, ...]}.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import formats from "ajv-formats";
import Ajv from "ajv/dist/2020.js";

const folder = process.argv[2];
const faults = [];
const compiled = new Map();
const ajv = formats.default(new Ajv.default({ strict: true, allErrors: true })); // one for all: no two have one $id

for (const file of readdirSync(folder).sort()) {
  try {
    compiled.set(file, ajv.compile(JSON.parse(readFileSync(join(folder, file), "utf8"))));
  } catch (error) {
    faults.push(`${file}: ${error.message}`);
  }
}

const cases = JSON.parse(readFileSync(0, "utf8"));
const valid = faults.length ? [] : cases.map(({ schema, data }) => compiled.get(schema)(data));
console.log(JSON.stringify({ faults, valid }));
