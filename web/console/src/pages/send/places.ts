// What is wrong where: shown once the person was there, or tried to send.

export interface Places {
  /** What is wrong at the first place, or at others that stand for the same control. */
  problem(place: string, ...also: string[]): string;
  /** The person was there. */
  touch(place: string): void;
}

/** The same below a place, as for one of several ways. */
export function under(places: Places, base: string): Places {
  return {
    problem: (...all) => {
      const [place, ...also] = all.map((one) => base + one);
      return places.problem(place ?? base, ...also);
    },
    touch: (place) => places.touch(base + place),
  };
}
