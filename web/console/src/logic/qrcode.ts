// Codes people scan, as pictures.

import { encode } from 'uqr';

/** Empty squares around a code: less, and some phones do not find it (ISO/IEC 18004). */
const QUIET = 4;
const DAY_S = 24 * 60 * 60;

export interface Picture {
  /** Squares of a side, those around it included. */
  size: number;
  /** The dark squares, as an SVG path. */
  path: string;
}

export function pictureOf(text: string): Picture {
  const { size, data } = encode(text, { ecc: 'M', border: QUIET });
  const squares = data.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : [])));
  return { size, path: squares.join('') };
}

/** A file of the picture, sharp at any size. */
export function svgOf({ size, path }: Picture): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h${size}v${size}H0z"/><path d="${path}"/></svg>\n`;
}

export interface CodeForm {
  scene: string;
  name: string;
  permanent: boolean;
  days: number;
}

/** What is asked of the API for a form; what is empty is left out. */
export function newCode(form: CodeForm) {
  return {
    scene: form.scene.trim(),
    ...(form.name.trim() ? { name: form.name.trim() } : {}),
    ...(form.permanent ? { permanent: true } : { expires_in_seconds: form.days * DAY_S }),
  };
}

/** A file's name without what some systems forbid in one. */
export const fileName = (scene: string) => scene.replace(/[\\/:*?"<>|\s]+/g, '-');
