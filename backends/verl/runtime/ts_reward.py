"""The reward manager of the run, named in reward.reward_manager with `source: importlib`.

It hands one row of verl's DataProto to ts_scorer.py, which says what is paid and why nothing here raises, and writes
the record. A metric whose key is also a column of the data gets the prefix `reward_`: V0 asserts that they are the
same object.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# verl loads this file by its path, and the sibling modules must be found then too.
_HERE = str(Path(__file__).resolve().parent)
if _HERE not in sys.path:
    sys.path.append(_HERE)

import ts_faults  # noqa: E402
import ts_forged  # noqa: E402
import ts_load  # noqa: E402
import ts_record  # noqa: E402
import ts_trajectory  # noqa: E402
import ts_weigh  # noqa: E402
from ts_scorer import Scorer  # noqa: E402
from ts_trajectory import plain  # noqa: E402
from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase  # noqa: E402


class ToolspecRewardManager(RewardManagerBase):  # type: ignore[misc, unused-ignore]
    """Scores one trajectory a call. verl's load_reward_manager builds it with these keywords."""

    def __init__(
        self,
        config: Any,
        tokenizer: Any,
        compute_score: Any,
        reward_router_address: Any = None,
        reward_model_tokenizer: Any = None,
    ) -> None:
        super().__init__(config, tokenizer, compute_score)
        further = {
            "reward_router_address": reward_router_address,
            "reward_model_tokenizer": reward_model_tokenizer,
        }
        self.faults = ts_faults.Faults()
        self.scorer = Scorer(
            ts_load.read_json("ts_reward.json"),
            tokenizer,
            compute_score,
            further=further if reward_router_address is not None else None,
            markers=lambda: ts_forged.of_tokenizer(tokenizer, own_template(config)),
        )

    async def run_single(self, data: Any) -> dict[str, Any]:
        """`data`: one row; from 0.8.0 on several if a loop returns several outputs, and the last counts."""
        record: dict[str, Any] = {}
        try:
            item = data[-1:][0]
            row = item.non_tensor_batch
            record = describe(row)
            extra = row.get("tool_extra_fields") or {}
            scored = await self.scorer.score(ts_trajectory.response_ids(item), extra.get("ts_spans"), row)
        except Exception as error:
            scored = self.scorer.failed(error, {})
        self.faults.add(scored.fault)
        ts_record.append(
            {
                **record,
                **scored.facts,
                "score": scored.score,
                "paid": scored.paid,
                "metrics": scored.metrics,
                "fault": scored.fault,
            }
        )
        return {"reward_score": scored.score, "reward_extra_info": named(scored.metrics, data)}


def own_template(config: Any) -> str | None:
    """The chat template that the run has in place of the model's; verl gives it to no reward worker's tokenizer."""
    try:
        given = config.actor_rollout_ref.model.get("custom_chat_template")
    except Exception:
        return None
    return str(given) if given else None


def named(metrics: dict[str, Any], data: Any) -> dict[str, Any]:
    """The metrics, those that have a column's name under another."""
    try:
        columns = set(data.non_tensor_batch)
    except Exception:
        return metrics
    for key in [key for key in metrics if key in columns]:
        metrics[f"reward_{key}"] = metrics.pop(key)
    return metrics


def describe(row: Mapping[str, Any]) -> dict[str, Any]:
    """Which trajectory it is. `step`: see ts_weigh.step_of; `weights`: the version that generated it.

    `split` is the row's own word, `extra_info.split`: verl tells training and validation apart on no release.
    """
    info = ts_trajectory.info(row)
    extra = row.get("tool_extra_fields") or {}
    return {
        "version": 1,
        "time": round(time.time(), 3),
        "uid": plain(row.get("uid")),
        "session": plain(row.get("session_id")),
        "step": ts_weigh.step_of(row),
        "weights": plain(extra.get("global_steps")),
        "split": info.get("split"),
        "index": info.get("index", plain(row.get("index"))),
        "data_source": plain(row.get("data_source")),
    }
