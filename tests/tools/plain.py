"""The model of the copy task out of PyTorch's own modules, which draw their parameters themselves."""

import math

import numpy as np
import torch
from torch import nn

from reference.layers.sinusoidal import sinusoidal
from reference.tasks.task import START
from reference.training.state import begin, generator


class Plain(nn.Module):
    def __init__(self, settings, scale):
        super().__init__()
        width = settings.width
        self.source, self.target = (nn.Embedding(settings.vocabulary, width) for _ in range(2))
        self.body = nn.Transformer(
            width, settings.heads, settings.encoder_layers, settings.decoder_layers, settings.hidden,
            dropout=0.0, norm_first=True, batch_first=True,
        )  # fmt: skip
        self.output = nn.Linear(width, settings.vocabulary)
        self.scale = scale * math.sqrt(width)

    def forward(self, source, target):
        x, y = (self.placed(part(ids)) for part, ids in ((self.source, source), (self.target, target)))
        later = nn.Transformer.generate_square_subsequent_mask(target.shape[1])
        return self.output(self.body(x, y, tgt_mask=later, tgt_is_causal=True))

    def placed(self, x):
        return self.scale * x + torch.from_numpy(np.array(sinusoidal(*x.shape[1:])))

    @torch.no_grad()
    def said(self, rows):
        self.eval()
        ids = torch.full((len(rows), 1), START)
        for _ in range(rows.labels.shape[1]):
            ids = torch.cat([ids, self(torch.from_numpy(rows.source), ids)[:, -1:].argmax(dim=-1)], dim=1)
        self.train()
        return ids[:, 1:].numpy()


def plain_optimizer(run, model):
    return {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[run.training.optimizer](model.parameters(), lr=1.0)


def plain_step(model, optimizer, rows, rate):
    """One update, by the loss of the job: the sum over the tokens of a sequence, the mean over sequences."""
    logits = model(torch.from_numpy(rows.source), torch.from_numpy(rows.target))
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), torch.from_numpy(rows.labels).flatten(), reduction="sum")
    optimizer.param_groups[0]["lr"] = rate
    optimizer.zero_grad()
    (loss / len(rows)).backward()
    optimizer.step()


def plain_epochs(run, training, scale):
    """Yield what answers after each epoch: the job's batches in the job's order, and PyTorch's optimizers."""
    torch.set_num_threads(1)
    torch.manual_seed(run.training.seed)
    model = Plain(run.model, scale)
    optimizer, rate = plain_optimizer(run, model), run.training.schedule_of(run.steps)
    rng, batch, step = generator(begin(run).random), run.training.batch, 0
    for _ in range(run.training.epochs):
        order = rng.permutation(len(training))
        for first in range(0, len(order), batch):
            plain_step(model, optimizer, training[order[first : first + batch]], rate(step))
            step += 1
        yield model.said
