// Parses the AsyncAPI documents that are named, references and all; prints what its parser finds: errors and warnings.
import { Parser, fromFile } from "@asyncapi/parser";

const WARNING = 1; // 0 is an error, what is above is advice

const found = [];
for (const path of process.argv.slice(2)) {
  const { document, diagnostics } = await fromFile(new Parser(), path).parse();
  if (!document) found.push(`${path}: no document comes of it`);
  for (const { severity, code, message, path: at } of diagnostics) {
    if (severity <= WARNING) found.push(`${path}: ${at.join("/")}: ${code}: ${message}`);
  }
}
console.log(JSON.stringify(found));
