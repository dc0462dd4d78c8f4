using System;
using System.Collections.Generic;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules;

/// <summary>Builds the parts of an <see cref="Ipv4Set"/> from merged intervals.</summary>
internal sealed class Ipv4SetBuilder
{
    private readonly List<Ipv4Chunk> _chunks = [];
    private readonly List<ulong> _leaves = [];

    public Ipv4SetBuilder(IReadOnlyList<Interval> merged)
    {
        AddNode();
        AddNode();
        for (int i = 0; i < Ipv4Set.ChunksPerNode; i++)
        {
            _chunks[(int)(Ipv4Set.All * Ipv4Set.ChunksPerNode) + i] = new Ipv4Chunk { Full = ulong.MaxValue };
        }

        // A set has a leaf, so that a clamped position always exists.
        AddLeaf();
        Array.Fill(Root, Ipv4Set.None);
        foreach (Interval interval in merged)
        {
            AddInterval((uint)interval.First, (uint)interval.Last);
        }
    }

    public uint[] Root { get; } = new uint[Ipv4Set.RootLength];

    public Ipv4Chunk[] Chunks => [.. _chunks];

    public ulong[] Leaves => [.. _leaves];

    private void AddInterval(uint first, uint last)
    {
        for (uint prefix = first >> 16; prefix <= last >> 16; prefix++)
        {
            uint from = Math.Max(first, prefix << 16);
            uint to = Math.Min(last, (prefix << 16) | 0xffff);
            if (to - from == 0xffff)
            {
                Root[prefix] = Ipv4Set.All;
                continue;
            }

            if (Root[prefix] == Ipv4Set.None)
            {
                Root[prefix] = AddNode();
            }

            AddToNode(Root[prefix], from, to);
        }
    }

    private void AddToNode(uint node, uint first, uint last)
    {
        for (uint prefix = first >> 8; prefix <= last >> 8; prefix++)
        {
            uint from = Math.Max(first, prefix << 8);
            uint to = Math.Min(last, (prefix << 8) | 0xff);
            int index = (int)((node * Ipv4Set.ChunksPerNode) + ((prefix >> 6) & 3));
            ulong bit = 1UL << (int)(prefix & 63);
            Ipv4Chunk chunk = _chunks[index];
            if (to - from == 0xff)
            {
                chunk.Full |= bit;
            }
            else
            {
                // Intervals come in ascending order: a chunk's leaves follow each other, and the last leaf is this /24's.
                if ((chunk.Mixed & bit) == 0)
                {
                    chunk.FirstLeaf = chunk.Mixed == 0 ? AddLeaf() : chunk.FirstLeaf;
                    if (chunk.Mixed != 0)
                    {
                        AddLeaf();
                    }

                    chunk.Mixed |= bit;
                }

                SetBits(_leaves.Count - Ipv4Set.WordsPerLeaf, from & 0xff, to & 0xff);
            }

            _chunks[index] = chunk;
        }
    }

    private void SetBits(int leafStart, uint first, uint last)
    {
        for (uint i = first; i <= last; i++)
        {
            _leaves[leafStart + (int)(i / 64)] |= 1UL << (int)(i & 63);
        }
    }

    private uint AddNode()
    {
        uint node = (uint)(_chunks.Count / Ipv4Set.ChunksPerNode);
        for (int i = 0; i < Ipv4Set.ChunksPerNode; i++)
        {
            _chunks.Add(default);
        }

        return node;
    }

    private uint AddLeaf()
    {
        uint leaf = (uint)(_leaves.Count / Ipv4Set.WordsPerLeaf);
        for (int i = 0; i < Ipv4Set.WordsPerLeaf; i++)
        {
            _leaves.Add(0);
        }

        return leaf;
    }
}
