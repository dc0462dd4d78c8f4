using System;
using System.Collections.Generic;
using System.Linq;
using CsCheck;
using Sos.Sdk.Packets;
using Sos.Sdk.Tests.Ports;
using Xunit;

namespace Sos.Sdk.Tests.Packets;

public sealed class PacketBufferTests
{
    private const int Room = PacketBuffer.Stride - PacketBuffer.HeaderSize;

    private enum Step
    {
        Push,
        Pull,
        Append,
        Trim,
    }

    [Fact]
    public void BehavesAsAListOfBytesAndTrapsOutsideOfItsRoom()
        => Gen.Select(Gen.Int[0, 3], Gen.Int[0, 700]).Array[1, 60].Sample(steps =>
        {
            using PortBench bench = new();
            Assert.True(bench.CreatePool(1).TryAllocate(out PacketBuffer buffer));
            List<byte> model = [];
            int head = PacketBuffer.Headroom;
            byte content = 1;
            foreach ((int step, int count) in steps)
            {
                bool fits = (Step)step switch
                {
                    Step.Push => count <= head,
                    Step.Append => count <= Room - head - model.Count,
                    _ => count <= model.Count,
                };
                if (!fits)
                {
                    TrapAssert.Traps(() => Do(buffer, (Step)step, count, 0));
                    continue;
                }

                Do(buffer, (Step)step, count, ++content);
                head += Model(model, (Step)step, count, content);
                Assert.Equal(model, buffer.Frame.ToArray());
                Assert.Equal((model.Count, head, Room - head - model.Count), (buffer.Length, buffer.HeadroomFree, buffer.TailroomFree));
            }
        }, iter: 50);

    [Fact]
    public void NegativeCountsTrap()
    {
        using PortBench bench = new();
        Assert.True(bench.CreatePool(1).TryAllocate(out PacketBuffer buffer));
        buffer.Reset(100);
        foreach (Step step in Enum.GetValues<Step>())
        {
            TrapAssert.Traps(() => Do(buffer, step, -1, 0));
            TrapAssert.Traps(() => Do(buffer, step, int.MinValue, 0));
        }

        Assert.Equal(100, buffer.Length);
    }

    [Fact]
    public void AFrameBeginsBehindTheHeadroomAndFillsTheBuffer()
    {
        using PortBench bench = new();
        Assert.True(bench.CreatePool(1).TryAllocate(out PacketBuffer buffer));
        Assert.Equal(PacketBuffer.FrameMax, buffer.Reset(PacketBuffer.FrameMax).Length);
        Assert.Equal((PacketBuffer.Headroom, 0), (buffer.HeadroomFree, buffer.TailroomFree));
        TrapAssert.Traps(() => buffer.Reset(PacketBuffer.FrameMax + 1));
        TrapAssert.Traps(() => buffer.Reset(-1));
        Assert.Equal(PacketBuffer.FrameMax, buffer.Length);
    }

    private static void Do(PacketBuffer buffer, Step step, int count, byte content)
    {
        switch (step)
        {
            case Step.Push:
                buffer.Push(count).Fill(content);
                break;
            case Step.Append:
                buffer.Append(count).Fill(content);
                break;
            case Step.Pull:
                buffer.Pull(count);
                break;
            default:
                buffer.Trim(count);
                break;
        }
    }

    /// <summary>Does the same to the model and returns by how much the headroom grows.</summary>
    private static int Model(List<byte> model, Step step, int count, byte content)
    {
        switch (step)
        {
            case Step.Push:
                model.InsertRange(0, Enumerable.Repeat(content, count));
                return -count;
            case Step.Append:
                model.AddRange(Enumerable.Repeat(content, count));
                return 0;
            case Step.Pull:
                model.RemoveRange(0, count);
                return count;
            default:
                model.RemoveRange(count, model.Count - count);
                return 0;
        }
    }
}
