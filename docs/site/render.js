// Graphviz, compiled for Node.js: a JSON list of graphs on stdin, a JSON list of SVGs on stdout.
import { readFileSync } from "node:fs";
import { instance } from "@viz-js/viz";

const viz = await instance();
const graphs = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(graphs.map((graph) => viz.renderString(graph, { format: "svg" }))));
