/** K, the number of latents an image is compared with: a slider over powers of two, and a field for any number. */
import { find } from './find.ts';
import { whole } from './numbers.ts';

export interface LatentsControl {
  /** What the field asks for, whatever it is. */
  readonly latents: () => number;
  /** Says whether the number in the field is one that can be used. */
  readonly setValid: (valid: boolean) => void;
}

/** While the slider moves it is the last place that counts. */
const REST_MS = 200;

/** @param onChange called with what was asked for, whatever it is: the library says what may be. */
export function createLatentsControl(onChange: (latents: number) => void): LatentsControl {
  const slider = find('#latents-slider', HTMLInputElement);
  const field = find('#latents', HTMLInputElement);
  let resting: ReturnType<typeof setTimeout> | undefined;
  const describe = (): void =>
    slider.setAttribute('aria-valuetext', `${whole(2 ** slider.valueAsNumber)} latents`);
  describe();
  slider.addEventListener('input', () => {
    const latents = 2 ** slider.valueAsNumber;
    field.value = String(latents);
    describe();
    clearTimeout(resting);
    resting = setTimeout(() => onChange(latents), REST_MS);
  });
  field.addEventListener('change', () => {
    const latents = field.valueAsNumber;
    const [least, most] = [Number(slider.min), Number(slider.max)];
    if (latents > 0) slider.value = String(Math.min(Math.max(Math.round(Math.log2(latents)), least), most));
    describe();
    clearTimeout(resting);
    onChange(latents);
  });
  return {
    latents: () => field.valueAsNumber,
    setValid: (valid) => {
      field.setAttribute('aria-invalid', String(!valid));
      if (valid) field.removeAttribute('aria-describedby');
      else field.setAttribute('aria-describedby', 'alert-text');
    },
  };
}
