"use strict";
// Shows the OpenAPI document. All text goes in as text, never as markup.
const el = (name, text, ...children) => {
  const e = document.createElement(name);
  if (text) e.textContent = text;
  e.append(...children);
  return e;
};

// shape writes a schema as a sketch of JSON.
const shape = (doc, schema, depth, seen) => {
  if (!schema || depth > 4) return "…";
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    if (seen.includes(name)) return name;
    return shape(doc, doc.components.schemas[name], depth, [...seen, name]);
  }
  const type = [].concat(schema.type || "any").filter((t) => t !== "null").join("|");
  const pad = "  ".repeat(depth + 1);
  if (schema.properties) {
    const required = schema.required || [];
    const lines = Object.entries(schema.properties).map(([name, s]) =>
      pad + JSON.stringify(name) + (required.includes(name) ? "" : "?") + ": " + shape(doc, s, depth + 1, seen) +
      (s.description ? "  // " + s.description : ""));
    return "{\n" + lines.join("\n") + "\n" + "  ".repeat(depth) + "}";
  }
  if (schema.items) return "[" + shape(doc, schema.items, depth, seen) + "]";
  return type + (schema.enum ? " (" + schema.enum.join(", ") + ")" : "");
};

const parameters = (list) => {
  const table = el("table");
  for (const p of list)
    table.append(el("tr", "", el("td", "", el("code", p.name)), el("td", p.in + (p.required ? ", required" : "")),
      el("td", p.description || (p.schema && p.schema.description) || "")));
  return table;
};

const content = (doc, what) => Object.entries((what && what.content) || {}).map(([kind, c]) =>
  el("pre", kind + " " + shape(doc, c.schema, 0, [])));

const operation = (doc, method, path, op) => {
  const details = el("details", "", el("summary", "", el("b", method.toUpperCase()), el("code", path), " " + (op.summary || "")));
  if (op.description) details.append(el("p", op.description));
  if (op.parameters) details.append(parameters(op.parameters));
  if (op.requestBody) details.append(el("h4", "Request"), ...content(doc, op.requestBody));
  for (const [status, answer] of Object.entries(op.responses || {}))
    details.append(el("h4", status + " " + (answer.description || "")), ...content(doc, answer));
  return details;
};

const show = (doc) => {
  const main = document.getElementById("doc");
  const groups = new Map();
  for (const [path, item] of Object.entries(doc.paths))
    for (const [method, op] of Object.entries(item)) {
      const tag = (op.tags || [""])[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(operation(doc, method, path, op));
    }
  const nav = el("nav");
  main.replaceChildren(el("h1", doc.info.title + " API"), el("p", doc.info.description), nav);
  for (const [tag, operations] of [...groups].sort()) {
    const head = el("h2", tag);
    head.id = tag;
    const link = el("a", tag);
    link.href = "#" + tag;
    nav.append(link);
    main.append(head, ...operations);
  }
};

fetch("/openapi.json").then((r) => r.json()).then(show);
