// Parses Oracle SQL texts with the PL/SQL grammar of the ANTLR project.
//
//   node oracle-grammar.mjs TEXTS RECORD
//
// TEXTS has a JSON string on each line. RECORD is the file of texts that are known to
// be well formed, by their SHA-256: only others are parsed, and it is written anew with
// exactly those of TEXTS that are well formed. The exit code is 1 when one is not.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import antlr4 from "antlr4";
import { PlSqlLexer, PlSqlParser } from "@griffithswaite/ts-plsql-parser";

const parserName = "@griffithswaite/ts-plsql-parser 1.1.1, antlr4 4.13.0";
const header = `# Oracle texts that are well formed to ${parserName}. Written by: make oracle-grammar`;
const [textsFile, recordFile] = process.argv.slice(2);

function problems(sql) {
  const found = [];
  const listener = {
    syntaxError: (_r, _s, line, column, message) => found.push(`${line}:${column} ${message}`),
    reportAmbiguity() {},
    reportAttemptingFullContext() {},
    reportContextSensitivity() {},
  };
  const lexer = new PlSqlLexer(new antlr4.CharStream(sql + ";"));
  const parser = new PlSqlParser(new antlr4.CommonTokenStream(lexer));
  for (const p of [lexer, parser]) {
    p.removeErrorListeners();
    p.addErrorListener(listener);
  }
  parser._interp.predictionMode = 0; // SLL: faster, and stricter if at all
  parser.sql_script();
  return found;
}

// A grammar that accepts what is wrong would prove nothing.
for (const wrong of ["SELECT id FROM runs LIMIT 10", "INSERT INTO t (a) VALUES (1), (2)", "SELECT id FROM runs AS r"]) {
  if (problems(wrong).length === 0) throw new Error(`the grammar accepts: ${wrong}`);
}

const known = new Set();
if (existsSync(recordFile)) {
  const lines = readFileSync(recordFile, "utf8").split("\n");
  if (lines[0] === header) for (const l of lines.slice(1)) known.add(l.split(" ")[0]);
}
const texts = readFileSync(textsFile, "utf8").split("\n").filter(Boolean).map((l) => JSON.parse(l));
const good = [];
let parsed = 0;
let bad = 0;
for (const text of texts) {
  const hash = createHash("sha256").update(text).digest("hex");
  if (!known.has(hash)) {
    parsed++;
    const found = problems(text);
    if (found.length > 0) {
      bad++;
      console.error(`${text}\n    ${found.join("\n    ")}`);
      continue;
    }
  }
  good.push(`${hash} ${text.replace(/\s+/g, " ").slice(0, 100)}`);
}
writeFileSync(recordFile, [header, ...good.sort(), ""].join("\n"));
console.log(`${texts.length} texts, ${parsed} parsed now, ${bad} not well formed`);
process.exit(bad > 0 ? 1 : 0);
