using System;
using System.Security.Cryptography;
using System.Threading;
using Sos.Cores;
using Sos.Cores.BackEnds;
using Sos.Cores.Native;
using Sos.Cores.Operations;
using Sos.Cores.Running;
using Sos.RemoteConsole.Linux;

namespace Sos.RemoteConsole.Control;

/// <summary>Gives a running console signs of life, and a new seed of Linux's randomness now and then.</summary>
internal static unsafe class LinuxPageWriter
{
    /// <summary>From one sign of life to the next.</summary>
    private static readonly TimeSpan Beat = TimeSpan.FromSeconds(1);

    /// <summary>Signs of life from one seed to the next.</summary>
    private const ulong BeatsPerSeed = 60;

    /// <summary>Writes until the service ends, or until it is told to end.</summary>
    /// <param name="record">The service.</param>
    /// <param name="end">Ends it.</param>
    /// <exception cref="SosException">The service is gone.</exception>
    public static void Run(CoreRecord record, CancellationToken end)
    {
        (IServiceCore core, CoreRecord now) = new ServiceReadings(new CoreBackEnds()).Find(record.Service, record.Cpu) ?? throw new SosException(
            SosError.NotFound, $"core {record.Cpu} runs no {record.Service} any more");
        using (core)
        {
            if (now.Started != record.Started || now.SharedMemory.Count == 0)
            {
                return; // another service, or one that an older sosctl started
            }

            using MappedMemory memory = core.Map(now.SharedMemory[0].MapOffset, now.SharedMemory[0].Size);
            LinuxPage* page = (LinuxPage*)memory.Address;
            do
            {
                Write(page);
            }
            while (!end.WaitHandle.WaitOne(Beat)
                && core.GetStatus().State == CoreState.Running && CoreRecord.Read(record.Cpu)?.Started == record.Started);
        }
    }

    /// <summary>Writes a sign of life, and with some of them a seed.</summary>
    internal static void Write(LinuxPage* page)
    {
        ulong seeds = Volatile.Read(ref page->Seeds);
        if (page->Beats % BeatsPerSeed == 0 && Volatile.Read(ref page->Taken) == seeds)
        {
            RandomNumberGenerator.Fill(page->Seed);
            Volatile.Write(ref page->Seeds, seeds + 1);
        }

        Volatile.Write(ref page->Beats, page->Beats + 1);
    }
}
