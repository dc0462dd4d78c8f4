using System;
using System.IO;
using System.Threading.Tasks;

namespace Sos.Lab.Machine;

/// <summary>The means by which the guest's instructions are executed.</summary>
public enum Accelerator
{
    /// <summary>QEMU's emulation: works everywhere.</summary>
    Tcg,

    /// <summary>The host's virtualisation.</summary>
    Kvm,
}

/// <summary>Finds out whether KVM is any good here.</summary>
internal static class AcceleratorProbe
{
    private const string Device = "/dev/kvm";
    private static readonly TimeSpan BootLimit = TimeSpan.FromSeconds(12);

    /// <summary>
    /// The best accelerator that really boots a stock kernel: a KVM device alone proves nothing in nested virtual machines.
    /// The answer is kept until the host reboots; <c>SOS_ACCEL=tcg|kvm</c> overrides it.
    /// </summary>
    /// <param name="kernel">The kernel series to try.</param>
    public static async Task<Accelerator> ChooseAsync(string kernel)
    {
        if (Environment.GetEnvironmentVariable("SOS_ACCEL") is { Length: > 0 } forced)
        {
            return Enum.Parse<Accelerator>(forced, ignoreCase: true);
        }

        if (!File.Exists(Device))
        {
            return Accelerator.Tcg;
        }

        string boot = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
        string answer = Path.Combine(LabPaths.Cache, "accelerator", boot);
        if (File.Exists(answer) && Enum.TryParse(File.ReadAllText(answer), out Accelerator known))
        {
            return known;
        }

        Accelerator found = await BootsWithKvmAsync(kernel) ? Accelerator.Kvm : Accelerator.Tcg;
        Directory.CreateDirectory(Path.GetDirectoryName(answer)!);
        await File.WriteAllTextAsync(answer, found.ToString());
        return found;
    }

    private static async Task<bool> BootsWithKvmAsync(string kernel)
    {
        try
        {
            await using LabMachine machine = await LabMachine.BootAsync(new LabMachineOptions
            {
                Kernel = kernel,
                Cpus = 2,
                LoadDriver = false,
                BootLimit = BootLimit,
                Accelerator = Accelerator.Kvm,
            });
            return (await machine.RunAsync("true", BootLimit)).ExitCode == 0;
        }
        catch (Exception problem) when (problem is LabException or TimeoutException)
        {
            return false;
        }
    }
}
