// Renders the API's own description. Everything that is shown is put in as text, never as markup.
"use strict";

const METHODS = ["get", "post", "patch", "put", "delete"];
let api;

/** Makes an element: `el("a", {href: "#"}, "text", child)`. */
function el(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== undefined && value !== false) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null));
  return element;
}

/** Follows `$ref`s within the description. */
function resolve(object) {
  while (object && object.$ref) {
    object = object.$ref.slice(2).split("/").reduce((at, key) => at[key.replaceAll("~1", "/")], api);
  }
  return object;
}

const refName = (object) => object && object.$ref && object.$ref.split("/").pop();

/** One line of text with `code` between backquotes. */
const inline = (line) => (line || "").split("`").map((part, index) => (index % 2 ? el("code", {}, part) : part));

/** Paragraphs and lists of such lines. */
function prose(text) {
  return (text || "").trim().split(/\n\s*\n/).map((block) => {
    const lines = block.split("\n");
    if (lines.every((line) => line.startsWith("- "))) return el("ul", {}, lines.map((line) => el("li", {}, inline(line.slice(2)))));
    return el("p", {}, inline(block));
  });
}

/** A type in a few words, with a link where it has a name. */
function typeOf(schema) {
  if (!schema) return "any";
  const name = refName(schema);
  if (name) return el("a", { href: `#schema/${name}` }, name);
  const alternatives = schema.oneOf || schema.anyOf || schema.allOf;
  if (alternatives) {
    const words = alternatives.flatMap((one, index) => (index ? [schema.allOf ? " and " : " or ", typeOf(one)] : [typeOf(one)]));
    return el("span", {}, words);
  }
  if (schema.type === "array") return el("span", {}, "list of ", typeOf(schema.items));
  const types = [schema.type].flat().filter(Boolean).join(" or ") || "any";
  return schema.format ? `${types} (${schema.format})` : types;
}

function members(schema) {
  const resolved = resolve(schema) || {};
  const parts = resolved.allOf ? resolved.allOf.map(resolve) : [resolved];
  const rows = parts.flatMap((part) =>
    Object.entries((part && part.properties) || {}).map(([name, member]) => {
      const target = resolve(member) || {};
      const words = target.enum ? ` One of: ${target.enum.join(", ")}.` : "";
      const needed = (part.required || []).includes(name);
      const told = [member, ...(member.oneOf || member.anyOf || []), target].find((one) => one.description);
      const meaning = told ? told.description : "";
      return el("tr", {}, el("td", {}, el("code", {}, name), needed ? "" : el("span", { class: "quiet" }, " optional")),
        el("td", {}, typeOf(member)), el("td", {}, inline(meaning + words)));
    }));
  if (!rows.length) {
    const words = resolved.enum ? `One of: ${resolved.enum.join(", ")}.` : "";
    return el("p", {}, typeOf(refName(schema) ? resolved : schema), " ", words);
  }
  return el("table", {}, el("thead", {}, el("tr", {}, ["Member", "Type", "Meaning"].map((title) => el("th", {}, title)))), el("tbody", {}, rows));
}

const mediaSchema = (content) => content && Object.values(content)[0] && Object.values(content)[0].schema;

/** An example of a body, made of its schema. */
function example(schema, depth = 0) {
  const resolved = resolve(schema) || {};
  if (resolved.example !== undefined) return resolved.example;
  if (resolved.default !== undefined) return resolved.default;
  if (resolved.enum) return resolved.enum[0];
  if (resolved.oneOf || resolved.anyOf) return example((resolved.oneOf || resolved.anyOf).find((one) => one.type !== "null"), depth);
  const type = [resolved.type].flat()[0];
  if (type === "object" && depth < 4) {
    const needed = Object.entries(resolved.properties || {}).filter(([name]) => (resolved.required || []).includes(name));
    return Object.fromEntries(needed.map(([name, member]) => [name, example(member, depth + 1)]));
  }
  return { string: "", array: [], integer: 0, number: 0, boolean: true, object: {} }[type] ?? null;
}

const allOperations = () => Object.entries(api.paths).flatMap(([path, item]) =>
  METHODS.filter((method) => item[method]).map((method) => ({ path, method, op: item[method] })));

function navigation() {
  const wanted = document.getElementById("find").value.trim().toLowerCase();
  const here = decodeURIComponent(location.hash.slice(1));
  const matches = (...texts) => texts.some((text) => (text || "").toLowerCase().includes(wanted));
  const link = (target, ...children) => el("li", {}, el("a", { href: `#${target}`, "aria-current": here === target ? "page" : undefined }, ...children));
  const groups = (api.tags || []).map((tag) => {
    const rows = allOperations()
      .filter(({ op, path }) => (op.tags || []).includes(tag.name) && matches(path, op.summary, op.operationId))
      .map(({ op, path, method }) => link(op.operationId, el("span", { class: `method ${method.toUpperCase()}` }, method.toUpperCase()), path));
    return rows.length ? [el("h2", {}, tag.name), el("ul", {}, rows)] : [];
  });
  const schemas = Object.keys(api.components.schemas).filter((name) => matches(name)).map((name) => link(`schema/${name}`, name));
  document.getElementById("operations").replaceChildren(...groups.flat(), ...(schemas.length ? [el("h2", {}, "Schemas"), el("ul", {}, schemas)] : []));
}

/** The table of parameters: the operators of one field stand in one row, with one input each. */
function parameterTable(parameters, inputs) {
  const rows = new Map();
  for (const parameter of parameters) {
    const [field, operator] = parameter.in === "query" ? parameter.name.split(".") : [parameter.name];
    if (operator && rows.has(field)) rows.get(field).operators.push({ operator, parameter });
    else rows.set(parameter.name, { parameter, operators: [] });
  }
  const input = (parameter, label) => {
    const field = el("input", { "aria-label": label, placeholder: label === parameter.name ? "" : label });
    inputs.push({ parameter, field });
    return field;
  };
  const body = [...rows.values()].map(({ parameter, operators }) => el("tr", {},
    el("td", {}, el("code", {}, parameter.name), el("span", { class: "quiet" }, ` ${parameter.in}${parameter.required ? ", needed" : ""}`)),
    el("td", {}, inline(parameter.description), operators.length
      ? el("details", {}, el("summary", {}, operators.map(({ operator }) => `.${operator}`).join(" ")),
        operators.map(({ operator, parameter: one }) => el("label", {}, el("code", {}, `.${operator}`), " ", inline(one.description), input(one, one.name))))
      : ""),
    el("td", {}, input(parameter, parameter.name))));
  return el("table", {}, el("thead", {}, el("tr", {}, ["Parameter", "Meaning", "Value"].map((title) => el("th", {}, title)))), el("tbody", {}, body));
}

const shellQuote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function tryIt(path, method, inputs, body) {
  const output = el("div", { "aria-live": "polite" });
  let running;
  const send = async () => {
    if (running) running.abort();
    const abort = (running = new AbortController());
    const headers = {};
    const token = document.getElementById("token").value;
    if (token) headers.authorization = `Bearer ${token}`;
    let target = path;
    const query = new URLSearchParams();
    for (const { parameter, field } of inputs) {
      if (!field.value) continue;
      if (parameter.in === "path") target = target.replace(`{${parameter.name}}`, encodeURIComponent(field.value));
      else if (parameter.in === "query") query.append(parameter.name, field.value);
      else headers[parameter.name] = field.value;
    }
    if (query.size) target += `?${query}`;
    if (body) headers["content-type"] = "application/json";
    const shown = Object.entries(headers).map(([name, value]) => ` -H ${shellQuote(`${name}: ${name === "authorization" ? "Bearer $TOKEN" : value}`)}`.replace("'authorization: Bearer $TOKEN'", '"authorization: Bearer $TOKEN"'));
    const curl = `curl -X ${method.toUpperCase()} ${shellQuote(location.origin + target)}${shown.join("")}${body ? ` -d ${shellQuote(body.value)}` : ""}`;
    const result = el("pre", {}, "…");
    output.replaceChildren(el("pre", {}, curl), el("button", { type: "button", onclick: () => abort.abort() }, "Stop"), result);
    try {
      const response = await fetch(target, { method: method.toUpperCase(), headers, body: body ? body.value : undefined, signal: abort.signal });
      const head = `${response.status} ${response.statusText}\n` + ["content-type", "etag", "location", "idempotency-replayed", "retry-after", "x-request-id"].filter((name) => response.headers.has(name)).map((name) => `${name}: ${response.headers.get(name)}\n`).join("");
      if ((response.headers.get("content-type") || "").startsWith("text/event-stream")) return await follow(response, head, result);
      const text = await response.text();
      let pretty = text;
      try { pretty = JSON.stringify(JSON.parse(text), null, 2); } catch { /* It is not JSON. */ }
      result.textContent = `${head}\n${pretty}`;
    } catch (error) {
      result.textContent += `\n${error}`;
    }
  };
  return [el("button", { type: "button", onclick: send }, "Send"), output];
}

/** Shows a stream as it comes, the last part of it. */
async function follow(response, head, result) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    text = (text + value).slice(-50000);
    result.textContent = `${head}\n${text}`;
    result.scrollTop = result.scrollHeight;
  }
}

function operationPage({ path, method, op }) {
  const inputs = [];
  const parameters = (op.parameters || []).map(resolve);
  const bodySchema = op.requestBody && mediaSchema(resolve(op.requestBody).content);
  const body = bodySchema && el("textarea", { "aria-label": "Body", spellcheck: "false" }, JSON.stringify(example(bodySchema), null, 2));
  const isPublic = op.security && op.security.some((one) => !Object.keys(one).length);
  const responses = Object.entries(op.responses || {}).map(([status, response]) => {
    const resolved = resolve(response);
    const schema = mediaSchema(resolved.content);
    return el("tr", {}, el("td", {}, el("code", {}, status)), el("td", {}, inline(resolved.description)), el("td", {}, schema ? typeOf(schema) : ""));
  });
  return [
    el("h2", {}, el("span", { class: `method ${method.toUpperCase()}` }, method.toUpperCase()), " ", el("span", { class: "path" }, path)),
    el("p", {}, el("strong", {}, op.summary || op.operationId), isPublic ? el("span", { class: "quiet" }, " — without a token") : ""),
    prose(op.description),
    parameters.length ? [el("h3", {}, "Parameters"), parameterTable(parameters, inputs)] : [],
    bodySchema ? [el("h3", {}, "Body: ", typeOf(bodySchema)), members(bodySchema)] : [],
    el("h3", {}, "Answers"),
    el("table", {}, el("tbody", {}, responses)),
    el("h3", {}, "Try it"),
    body || "",
    tryIt(path, method, inputs, body),
  ].flat(3);
}

function schemaPage(name) {
  const schema = api.components.schemas[name];
  if (!schema) return [el("p", { class: "error" }, `There is no schema ${name}.`)];
  return [el("h2", {}, name), ...prose(schema.description), members(schema), el("details", {}, el("summary", {}, "JSON schema"), el("pre", {}, JSON.stringify(schema, null, 2)))];
}

function overview() {
  return [el("h2", {}, api.info.title), ...prose(api.info.description), ...api.tags.map((tag) => el("p", {}, el("strong", {}, tag.name), ` — ${tag.description || ""}`))];
}

function show() {
  const target = decodeURIComponent(location.hash.slice(1));
  const main = document.getElementById("main");
  const found = allOperations().find(({ op }) => op.operationId === target);
  const [title, ...content] = found ? [`${found.method.toUpperCase()} ${found.path}`, ...operationPage(found)]
    : target.startsWith("schema/") ? [target.slice(7), ...schemaPage(target.slice(7))]
    : target ? ["Not found", el("p", { class: "error" }, `There is no operation ${target}.`), ...overview()]
    : ["Overview", ...overview()];
  main.replaceChildren(...content);
  document.title = `${title} – Spandrel API`;
  navigation();
  window.scrollTo(0, 0);
}

async function signIn(event) {
  event.preventDefault();
  const output = document.getElementById("signed-in");
  const password = document.getElementById("password");
  const body = JSON.stringify({ username: document.getElementById("username").value, password: password.value });
  const response = await fetch("/v1/login", { method: "POST", headers: { "content-type": "application/json" }, body });
  const answer = await response.json();
  output.textContent = response.ok ? `Signed in as ${answer.username}` : answer.detail;
  output.className = response.ok ? "" : "error";
  if (response.ok) {
    // The token lives in this page only, and is gone with it.
    document.getElementById("token").value = answer.token;
    password.value = "";
  }
}

async function start() {
  const response = await fetch("/v1/openapi.json");
  api = await response.json();
  document.getElementById("version").textContent = api.info.version;
  document.getElementById("find").addEventListener("input", navigation);
  document.getElementById("sign-in").addEventListener("submit", signIn);
  window.addEventListener("hashchange", show);
  show();
}

start().catch((error) => document.getElementById("main").replaceChildren(el("p", { class: "error" }, `The description cannot be loaded: ${error}`)));
