from __future__ import annotations

from dataclasses import dataclass


@dataclass
class RelabelReport:
    """What one relabeling looked at and did.

    Args:
        images (int): Images looked at.
        embeddings (int): Those with a valid embedding.
        videos (int): Videos looked at.
        tracklets (int): The tracker's tracklets in them; of the global scope by
            itself, the identities that it begins with.
        merges (int): Joins of two groups of images.
        across (int): Those of them that join people of different videos.
        splits (int): Tracklets cut in two.
        moves (int): Images that went from their tracklet to another person.
        drops (int): Images dropped now.
        revived (int): Images that were dropped and are no longer.
        vetoes (int): Pairs of pieces, alike enough to merge, that a shared frame
            forbids.
        identities_before (int): Identities among the images by their labels before.
        identities_after (int): The same by the labels after.
        changed (float): Share of the images with another label than before.
        threshold (float): Calibrated similarity from which pieces merge, in a video of
            typical size; in the global scope the mean of those from which people of
            different videos do; without tracklets ``1 - eps``; infinite if the evidence
            does not separate people.
        quarantined (int): Embeddings of the whole run that were NaN, Inf or zero, and
            were not kept.
        seconds (float): Time taken.
        refused (str): Why the labels, or those across videos, were left as they
            were; empty if they were not.
    """

    images: int = 0
    embeddings: int = 0
    videos: int = 0
    tracklets: int = 0
    merges: int = 0
    across: int = 0
    splits: int = 0
    moves: int = 0
    drops: int = 0
    revived: int = 0
    vetoes: int = 0
    identities_before: int = 0
    identities_after: int = 0
    changed: float = 0.0
    threshold: float = float('inf')
    quarantined: int = 0
    seconds: float = 0.0
    refused: str = ''

    def add(
        self,
        tracklets: int,
        embeddings: int,
        splits: int,
        merges: int,
        moves: int,
        vetoes: int,
    ) -> None:
        """Counts in what was done in a part of the data."""
        self.tracklets += tracklets
        self.embeddings += embeddings
        self.splits += splits
        self.merges += merges
        self.moves += moves
        self.vetoes += vetoes

    def __str__(self) -> str:
        across = f' ({self.across} across videos)' if self.across else ''
        line = (
            f'{self.images} images ({self.embeddings} with embedding) of '
            f'{self.tracklets} tracklets in {self.videos} videos: '
            f'{self.merges} merges{across}, {self.splits} splits, {self.moves} moves, '
            f'{self.drops} drops, {self.revived} revived, {self.vetoes} vetoes; '
            f'identities {self.identities_before} -> {self.identities_after}, '
            f'{self.changed:.1%} of labels changed, '
            f'threshold {self.threshold:.3f}, {self.seconds:.2f} s'
        )
        if self.quarantined:
            line += f'; {self.quarantined} embeddings so far were NaN, Inf or zero'
        return f'{line}; REFUSED: {self.refused}' if self.refused else line
