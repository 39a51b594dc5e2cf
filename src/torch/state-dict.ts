/** @file The tensors of a checkpoint by name, wherever in it they are. */

import { quote } from '../describe.ts';
import { failInvalid } from './fail.ts';
import { Tensor } from './objects.ts';
import { Dict, describeValue, Global, nameOf, type PickleValue } from './pickle.ts';

/** Under which names a state dict is put beside other things, MMOCR's first. */
const WRAPPERS = ['state_dict', 'model', 'model_state_dict'];
const MOST_KEYS = 8;

/**
 * The tensors of the state dict: the object itself, or its part of a known name. What is no tensor in it is left out.
 * @throws DBNetError `invalid-checkpoint` if there is none, naming what there is instead.
 */
export function findStateDict(object: PickleValue): Map<string, Tensor> {
  if (object instanceof Global) {
    failInvalid(
      `expected a dict of tensors, found ${describeValue(object)}: a whole model was saved, whose class only Python has. ` +
        'Save its state_dict().',
    );
  }
  if (!(object instanceof Dict)) failInvalid(`expected a dict of tensors, found ${describeValue(object)}.`);
  const bare = tensorsOf(object);
  if (bare.size > 0) return bare;
  const members = membersOf(object);
  for (const name of WRAPPERS) {
    const member = members.get(name);
    if (member === undefined) continue;
    if (!(member instanceof Dict)) {
      failInvalid(
        `${quote(name)}: expected a dict of tensors, found ${describeValue(member)}. Save the model's state_dict().`,
      );
    }
    const tensors = tensorsOf(member);
    if (tensors.size > 0) return tensors;
    failInvalid(`${quote(name)}: expected tensors by name, found none in ${describeValue(member)}.`);
  }
  const keys = [...members.keys()];
  const shown = keys.slice(0, MOST_KEYS).map((key) => quote(key));
  failInvalid(
    `expected tensors by name, or a dict of them under ${WRAPPERS.map((name) => quote(name)).join(', ')}, found ` +
      `${shown.length === 0 ? describeValue(object) : shown.join(', ')}${keys.length > MOST_KEYS ? ', ...' : ''}. Save the ` +
      "model's state_dict().",
  );
}

function tensorsOf(dict: Dict): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const [key, value] of dict.entries()) {
    if (!(value instanceof Tensor)) continue;
    const name = nameOf(key);
    if (name === undefined) failInvalid(`expected the name of a tensor, found ${describeValue(key)}.`);
    if (tensors.has(name)) failInvalid(`the tensor ${quote(name)} occurs twice.`);
    tensors.set(name, value);
  }
  return tensors;
}

function membersOf(dict: Dict): Map<string, PickleValue> {
  const members = new Map<string, PickleValue>();
  for (const [key, value] of dict.entries()) {
    const name = nameOf(key);
    if (name === undefined) continue;
    if (members.has(name)) failInvalid(`the name ${quote(name)} occurs twice at the top.`);
    members.set(name, value);
  }
  return members;
}
