//! The model itself: from tokens to a unit vector.

use std::fmt;
use std::sync::Arc;

use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, Value};

/// What a vector of this model has.
pub(crate) const DIMENSIONS: usize = 384;

/// A transformer that has been read. It runs on the thread that asks it, and on no other.
pub(crate) struct Transformer {
    model: Model,
    ids: NodeId,
    mask: NodeId,
    kinds: NodeId,
    output: NodeId,
}

impl fmt::Debug for Transformer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transformer").finish_non_exhaustive()
    }
}

impl Transformer {
    /// Reads a model in ONNX; `None` where it is none, or has other inputs or outputs than a BERT has.
    pub(crate) fn read(onnx: Vec<u8>) -> Option<Self> {
        let model = ModelOptions::with_all_ops().prepack_weights(true).load(onnx).ok()?;
        let node = |name: &str| model.find_node(name);
        let (ids, mask, kinds) = (node("input_ids")?, node("attention_mask")?, node("token_type_ids")?);
        let output = node("last_hidden_state")?;
        Some(Self { model, ids, mask, kinds, output })
    }

    /// The mean of what the model makes of each token, of length 1; `None` where it makes nothing of them.
    pub(crate) fn embed(&self, batch: &[&[u32]], pool: &Arc<ThreadPool>) -> Option<Vec<Vec<f32>>> {
        let shape = [batch.len(), batch.first()?.len()];
        let ids: Vec<i32> = batch
            .iter()
            .flat_map(|tokens| tokens.iter())
            .map(|id| i32::try_from(*id).ok())
            .collect::<Option<_>>()?;
        let all = |value: i32| Value::from_shape(shape, vec![value; shape[0] * shape[1]]).ok();
        let inputs = vec![
            (self.ids, Value::from_shape(shape, ids).ok()?.into()),
            (self.mask, all(1)?.into()),
            (self.kinds, all(0)?.into()),
        ];
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(pool)));
        let [output] = self.model.run_n(inputs, [self.output], Some(options)).ok()?;
        let (made, states) = output.into_shape_vec::<f32, 3>().ok()?;
        if made != [shape[0], shape[1], DIMENSIONS] {
            return None;
        }
        states.chunks_exact(shape[1] * DIMENSIONS).map(mean).collect()
    }
}

/// The mean of the tokens' vectors, made to have length 1: added up in their order, so that the same tokens give the same bytes.
fn mean(states: &[f32]) -> Option<Vec<f32>> {
    let mut sum = vec![0.0_f32; DIMENSIONS];
    for state in states.chunks_exact(DIMENSIONS) {
        for (sum, value) in sum.iter_mut().zip(state) {
            *sum += value;
        }
    }
    crate::vector::unit(&sum)
}
