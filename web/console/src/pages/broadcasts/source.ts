// The list of people of a new broadcast: read, mapped and counted in the browser.

import { computed, onScopeDispose, reactive, ref, shallowRef, watch } from 'vue';
import { firstRows, guess, lookAt, NoList, personOf, survey, withColumns, wrongNames, type Mapping, type Person, type Row, type Shape, type Survey } from '../../logic/people';

/** People a preview is written for: as many as the API takes. */
const PREVIEWED = 100;

export function useSource() {
  const file = shallowRef<Blob | null>(null);
  const name = ref('');
  const shape = ref<Shape | null>(null);
  const mapping = ref<Mapping | null>(null);
  const rows = shallowRef<Row[]>([]);
  const counted = ref<Survey | null>(null);
  /** How much of the file was read, 0 to 1. */
  const read = ref(0);
  /** Whether lines that name nobody may be left out. */
  const leavesOut = ref(false);
  const error = ref<unknown>(null);
  let turn = 0;
  let reading: AbortController | null = null;

  function forget() {
    file.value = null;
    shape.value = null;
    mapping.value = null;
    rows.value = [];
    counted.value = null;
    leavesOut.value = false;
    error.value = null;
  }
  async function take(given: Blob | null, called = ''): Promise<void> {
    const mine = ++turn;
    reading?.abort();
    forget();
    if (!given) return;
    try {
      const found = await lookAt(given, called);
      const first = await firstRows(given, found, PREVIEWED);
      if (mine !== turn) return;
      file.value = given;
      name.value = called;
      rows.value = first;
      shape.value = found;
      mapping.value = guess(found.columns, first);
    } catch (problem) {
      if (mine === turn) error.value = problem;
    }
  }

  /** Reads the same file in another way. */
  async function reshape(changed: Partial<Shape>): Promise<void> {
    if (!file.value || !shape.value) return;
    const mine = ++turn;
    const found = await withColumns(file.value, { ...shape.value, ...changed });
    const first = await firstRows(file.value, found, PREVIEWED);
    if (mine !== turn) return;
    rows.value = first;
    shape.value = found;
    mapping.value = guess(found.columns, first);
  }

  async function count(): Promise<void> {
    reading?.abort();
    counted.value = null;
    if (!file.value || !shape.value || !mapping.value?.id) return;
    const mine = (reading = new AbortController());
    read.value = 0;
    try {
      const found = await survey(file.value, shape.value, mapping.value, (part) => (read.value = part), mine.signal);
      if (!mine.signal.aborted) counted.value = found;
    } catch (problem) {
      if (!mine.signal.aborted) error.value = problem;
    }
  }
  watch([shape, mapping], count, { deep: true });
  onScopeDispose(() => reading?.abort());

  const wrong = computed(() => (mapping.value ? wrongNames(mapping.value) : {}));
  /** The first people, as far as they are some. */
  const people = computed<Person[]>(() => {
    const by = mapping.value;
    if (!by) return [];
    return rows.value.flatMap((row) => {
      const person = personOf(row, by);
      return 'why' in person ? [] : [person as Person];
    });
  });
  /** What keeps it from being an audience; `null` = nothing. */
  const lacks = computed<'people' | 'columns' | 'reading' | 'bad' | null>(() => {
    if (!file.value || error.value) return 'people';
    if (!mapping.value?.id || Object.keys(wrong.value).length > 0) return 'columns';
    if (!counted.value) return 'reading';
    if (counted.value.people === 0) return 'people';
    return counted.value.bad > 0 && !leavesOut.value ? 'bad' : null;
  });
  const isNoList = computed(() => (error.value instanceof NoList ? error.value.why : null));

  return reactive({ file, name, shape, mapping, rows, counted, read, leavesOut, error, isNoList, wrong, people, lacks, take, reshape });
}
export type Source = ReturnType<typeof useSource>;
