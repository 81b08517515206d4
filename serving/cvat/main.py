"""IOEBSS as an interactor of CVAT: nuclio calls these two functions."""

import os

from ioebss import Segmenter
from ioebss.serving.cvat_interactor import Interactor


def init_context(context):
    """Loads the model, once for each worker. IOEBSS_MODEL names another than the bundled one."""
    segmenter = Segmenter(os.environ.get("IOEBSS_MODEL") or None)
    context.user_data.interactor = Interactor(segmenter)
    context.logger.info(f"{segmenter.manifest.name}, {segmenter.backend}, {segmenter.precision}")


def handler(context, event):
    """Answers one request of CVAT's server."""
    answer = context.user_data.interactor.answer(event.body)
    if answer.status != 200:
        context.logger.warn(answer.body)
    return context.Response(
        body=answer.body,
        headers={},
        content_type="application/json",
        status_code=answer.status,
    )
