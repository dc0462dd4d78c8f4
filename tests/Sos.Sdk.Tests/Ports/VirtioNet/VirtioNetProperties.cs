using System;
using System.Collections.Generic;
using System.Linq;
using CsCheck;
using Sos.Sdk.Ports.VirtioNet;
using Xunit;

namespace Sos.Sdk.Tests.Ports.VirtioNet;

public sealed class VirtioNetProperties
{
    /// <summary>
    /// Whatever the sizes of rings and bursts, and in whatever order the device completes: every frame arrives once, whole and in the
    /// order of completion, and in the end the pool has all its buffers.
    /// </summary>
    [Fact]
    public void No_buffer_is_lost_or_doubled()
    {
        Gen.Select(Gen.Int[0, 9], Gen.Int[0, 9], Gen.Bool, Gen.Int[1040, 1400], Gen.Int, Gen.Int[1, 400])
            .Sample(
                (receiveBits, transmitBits, eventIndex, buffers, seed, steps) =>
                {
                    using VirtioNetBench bench = new(buffers);
                    bench.Device.ReceiveQueue.ProposedSize = (ushort)(1 << receiveBits);
                    bench.Device.TransmitQueue.ProposedSize = (ushort)(1 << transmitBits);
                    bench.Device.Offered = VirtioNetDeviceModel.EverythingOffered
                        | (eventIndex ? VirtioNetFeatures.EventIndex : VirtioNetFeatures.None);
                    bench.Started();
                    new Traffic(bench, new Random(seed)).Run(steps);
                    bench.AssertPoolWhole();
                },
                iter: 200);
    }

    private sealed class Traffic(VirtioNetBench bench, Random random)
    {
        private readonly Queue<byte[]> _delivered = new();
        private readonly List<byte[]> _sent = [];
        private readonly List<byte[]> _seen = [];

        public void Run(int steps)
        {
            for (int step = 0; step < steps; step++)
            {
                switch (random.Next(6))
                {
                    case 0:
                        Deliver();
                        break;
                    case 1:
                        Receive();
                        break;
                    case 2:
                        Transmit();
                        break;
                    case 3:
                        Complete();
                        break;
                    case 4:
                        bench.Device.TransmitQueue.Suppress(random.Next(2) == 0);
                        break;
                    default:
                        bench.Port.Maintain(bench.Device.Mmio);
                        break;
                }

                Assert.Equal(VirtioNetFailure.None, bench.Port.Failure);
            }

            while (_delivered.Count > 0)
            {
                Receive();
            }

            bench.Device.TransmitQueue.Collect();
            while (bench.Device.TransmitQueue.Outstanding.Count > 0)
            {
                Complete();
            }

            Assert.Equal(_sent.Select(Convert.ToHexString).Order(), _seen.Select(Convert.ToHexString).Order());
            Assert.Equal(0, bench.Device.ReceiveQueue.Interrupts + bench.Device.TransmitQueue.Interrupts);
            Assert.Empty(bench.Device.Offences);
        }

        private byte[] NextFrame()
        {
            byte[] frame = new byte[random.Next(14, 1500)];
            random.NextBytes(frame);
            return frame;
        }

        private void Deliver()
        {
            bench.Device.ReceiveQueue.Collect();
            for (int i = random.Next(100); i > 0 && bench.Device.ReceiveQueue.Outstanding.Count > 0; i--)
            {
                byte[] frame = NextFrame();
                bench.Device.ReceiveQueue.Deliver(frame, random.Next(bench.Device.ReceiveQueue.Outstanding.Count));
                _delivered.Enqueue(frame);
            }
        }

        private void Receive()
        {
            foreach (byte[] frame in bench.Receive())
            {
                Assert.Equal(_delivered.Dequeue(), frame);
            }
        }

        private void Transmit()
        {
            byte[][] frames = new byte[random.Next(65)][];
            for (int i = 0; i < frames.Length; i++)
            {
                frames[i] = NextFrame();
            }

            // A full ring takes the first and drops the rest.
            _sent.AddRange(frames[..bench.Transmit(frames)]);
        }

        private void Complete()
        {
            bench.Device.TransmitQueue.Collect();
            for (int i = random.Next(100); i > 0 && bench.Device.TransmitQueue.Outstanding.Count > 0; i--)
            {
                _seen.Add(bench.Device.TransmitQueue.Send(random.Next(bench.Device.TransmitQueue.Outstanding.Count))[12..]);
            }
        }
    }
}
