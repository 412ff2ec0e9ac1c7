// node build.mjs SOURCE WIT OUT: a component that handles requests, of the JavaScript in SOURCE.
import { readFile, writeFile } from "node:fs/promises";
import { componentize } from "@bytecodealliance/componentize-js";

const [source, witPath, out] = process.argv.slice(2);
const text = await readFile(source, "utf8");
const { component } = await componentize(text, { witPath, worldName: "handler", sourceName: source });
await writeFile(out, component);
