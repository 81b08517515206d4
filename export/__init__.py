"""From a trained run to a model file that the runtime loads, with proof."""
