// Pictures to try, in examples/: scripts/page_examples.py makes them. The drawings are the repository's own; the
// photographs are of the Face Research Lab London Set (DeBruine and Jones, 2017), CC BY 4.0: LICENSES/README.md.

export const EXAMPLES = [
  { file: "hana.webp", name: "the drawing hana" },
  { file: "mika.webp", name: "the drawing mika" },
  { file: "aoi.webp", name: "the drawing aoi" },
  { file: "kuro.webp", name: "the drawing kuro" },
  { file: "rin.webp", name: "the drawing rin" },
  { file: "sora.webp", name: "the drawing sora" },
  { file: "yuki.webp", name: "the drawing yuki" },
  { file: "midori.webp", name: "the drawing midori" },
  { file: "london-027.webp", name: "photograph 1" },
  { file: "london-034.webp", name: "photograph 2" },
  { file: "london-044.webp", name: "photograph 3" },
  { file: "london-061.webp", name: "photograph 4" },
  { file: "london-066.webp", name: "photograph 5" },
  { file: "london-070.webp", name: "photograph 6" },
  { file: "london-129.webp", name: "photograph 7" },
  { file: "london-172.webp", name: "photograph 8" },
];
