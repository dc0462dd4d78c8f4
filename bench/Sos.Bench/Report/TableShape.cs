using System;
using Sos.Firewall.Tables;
using Sos.Sdk.Memory;

namespace Sos.Bench.Report;

/// <summary>The parts of a table.</summary>
/// <param name="Bytes">All of it.</param>
/// <param name="Nodes">Nodes of its classifiers.</param>
/// <param name="Blocks">Blocks of rules in them.</param>
/// <param name="Depth">Levels of the deepest.</param>
internal sealed record TableShape(int Bytes, long Nodes, long Blocks, uint Depth)
{
    /// <summary>Looks into a table.</summary>
    public static unsafe TableShape Of(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            if (!FirewallTable.TryOpen(start, (ulong)bytes.Length, out FirewallTable table))
            {
                throw new BenchException("the table is not valid");
            }

            TableShape shape = new(bytes.Length, 0, 0, 0);
            MemoryBlock<SetDescriptor> sets = table.Sets;
            for (int i = 0; i < sets.Length; i++)
            {
                SetDescriptor set = sets[i];
                shape = set.Kind != SetKind.Classifier ? shape : shape with
                {
                    Nodes = shape.Nodes + set.Count,
                    Blocks = shape.Blocks + set.SecondCount,
                    Depth = Math.Max(shape.Depth, set.Depth),
                };
            }

            return shape;
        }
    }
}
