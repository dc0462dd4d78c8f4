using System;
using System.Collections.Generic;
using Sos.Lab.Guest;
using Sos.Lab.Network;

namespace Sos.Lab.Machine;

/// <summary>How to boot a <see cref="LabMachine"/>.</summary>
public sealed record LabMachineOptions
{
    /// <summary>The kernel: "6.1", "6.12", "newest" (that Debian serves) or "debug" (eng/debug-kernel.sh).</summary>
    public string Kernel { get; init; } = Environment.GetEnvironmentVariable("KERNEL") is { Length: > 0 } kernel ? kernel : "6.1";

    /// <summary>Virtual CPUs. With two, Linux skips work that shows only with three and more.</summary>
    public int Cpus { get; init; } = 4;

    /// <summary>Threads of each core, by which <see cref="Cpus"/> is divisible.</summary>
    public int ThreadsPerCore { get; init; } = 1;

    /// <summary>Memory in MiB.</summary>
    public int MemoryMiB { get; init; } = 1024;

    /// <summary>QEMU's CPU model; null for everything the accelerator has.</summary>
    public string? CpuModel { get; init; }

    /// <summary>The network that the machine's cards face: one card for each of its segments. Null: no card.</summary>
    public LabNetwork? Network { get; init; }

    /// <summary>
    /// Instead of a <see cref="Network"/>: the socket of a process that is the only card's other side, by the vhost-user protocol. It
    /// listens already. Such a card carries more packets than QEMU can move between a tap and a card.
    /// </summary>
    public string? CardSocket { get; init; }

    /// <summary>
    /// Instead of a <see cref="Network"/>: a port of this host's loopback, which QEMU forwards to port 22 of <see cref="ForwardAddress"/>. The machine
    /// reaches nothing through that card.
    /// </summary>
    public int? ForwardedPort { get; init; }

    /// <summary>The address on the card of <see cref="ForwardedPort"/> to which its connections go.</summary>
    public const string ForwardAddress = "10.77.0.9";

    /// <summary>Receive and transmit queue pairs of each card.</summary>
    public int CardQueues { get; init; } = 1;

    /// <summary>Whether an IOMMU (Intel's, emulated) stands between the cards and memory.</summary>
    public bool Iommu { get; init; }

    /// <summary>Whether that IOMMU remaps interrupts, too; without, a card's DMA can interrupt any CPU.</summary>
    public bool InterruptRemapping { get; init; } = true;

    /// <summary>Whether the last CPU is a device that can be taken out: <c>device_del</c> of <see cref="SpareCpuDevice"/>.</summary>
    public bool SpareCpu { get; init; }

    /// <summary>QEMU's name of the CPU that can be taken out.</summary>
    public const string SpareCpuDevice = "spare-cpu";

    /// <summary>Whether there is a keyboard controller, as most machines have and some servers have not: nobody answers at its ports then.</summary>
    public bool KeyboardController { get; init; } = true;

    /// <summary>Further devices, each as after QEMU's <c>-device</c>; slots 0x18 to 0x1e of the first bus are free for them.</summary>
    public IReadOnlyList<string> Devices { get; init; } = [];

    /// <summary>
    /// A disk's file, whose Debian takes over after the kernel has come up (eng/debian-disk.sh). What the machine writes stays in it for the next one.
    /// Null: the lab's own guest, which lives in memory.
    /// </summary>
    public string? Disk { get; init; }

    /// <summary>Whether the driver is loaded at boot.</summary>
    public bool LoadDriver { get; init; } = true;

    /// <summary>Files that the guest gets beside the usual ones.</summary>
    public IReadOnlyList<GuestFile> Files { get; init; } = [];

    /// <summary>Added to the kernel's command line.</summary>
    public string KernelArguments { get; init; } = "";

    /// <summary>Whether this process's terminal becomes the guest's second console, with a shell on it.</summary>
    public bool Interactive { get; init; }

    /// <summary>How long the guest may take until it runs commands.</summary>
    public TimeSpan BootLimit { get; init; } = TimeSpan.FromSeconds(90);

    /// <summary>KVM or emulation; null: KVM if a stock kernel boots with it.</summary>
    public Accelerator? Accelerator { get; init; }
}
