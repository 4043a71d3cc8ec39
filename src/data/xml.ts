/** XML as a tree of elements: enough for files that hold data, not documents. */

import { SaxesParser } from "saxes";

/** An element. */
export interface XmlElement {
  readonly name: string;
  /** The text directly in it, joined. */
  readonly text: string;
  readonly children: readonly XmlElement[];
}

/** The root element of a text. What is not well formed, or ends too early, is an Error that names line and column. */
export function parseXml(source: string): XmlElement {
  type Open = { name: string; text: string; children: XmlElement[] };
  const document: Open = { name: "", text: "", children: [] };
  const open = [document];
  const parser = new SaxesParser();
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("opentag", ({ name }) => {
    const element = { name, text: "", children: [] };
    open.at(-1)!.children.push(element);
    open.push(element);
  });
  const addText = (text: string) => {
    open.at(-1)!.text += text;
  };
  parser.on("text", addText);
  parser.on("cdata", addText);
  parser.on("closetag", () => open.pop());
  parser.write(source).close();
  return document.children[0]!;
}
