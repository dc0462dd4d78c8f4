using System;
using Sos.Lab;

const string Usage = """
    usage: eng/lab.sh run [OPTION...] -- COMMAND     boots a machine and runs a shell command line in it
           eng/lab.sh shell [OPTION...]              boots a machine and gives a shell in it
           eng/lab.sh console [OPTION...]            a machine whose Linux panics, and the line to log in to its console
           eng/lab.sh matrix [KERNEL]                tries the driver and the firewall on every kernel, or on one

      --kernel NAME        6.1, 6.12, newest or debug: the kernel (default: $KERNEL, else 6.1)
      --cpus N             virtual CPUs (default 4)
      --threads N          threads of each core (default 1)
      --memory MIB         memory (default 1024)
      --cpu MODEL          QEMU's CPU model
      --cards N            network cards, each with two peers facing it (default 1)
      --iommu              an IOMMU between cards and memory
      --no-remapping       that IOMMU remaps no interrupts
      --spare-cpu          the last CPU can be taken out: device_del spare-cpu
      --device DEVICE      a further device, as after QEMU's -device; may be repeated
      --no-driver          do not load the driver
      --file HOST:GUEST    a further file for the guest; may be repeated
      --append ARGUMENTS   added to the kernel's command line
      --timeout SECONDS    limit of the command (default 600)

    options of console: --kernel NAME, --port N (of this host; default: a free one), --once (look, and do not stay)
    """;

using IDisposable guard = RunId.RemoveOnSignal();
try
{
    return await LabCommand.RunAsync(args, Usage);
}
catch (Exception problem) when (problem is LabException or TimeoutException or ArgumentException)
{
    Console.Error.WriteLine($"lab: {problem.Message}");
    return 1;
}
