using System;
using System.Globalization;
using Sos.Sdk.Time;
using Sos.Timer.Client;
using Sos.Timer.Layout;

// usage: ControlLoop [FREQUENCY-HZ] [SECONDS] [SOCKET]
int frequency = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 20_000;
int seconds = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 5;
try
{
    using TimerClient client = TimerClient.Connect(args.Length > 2 ? args[2] : TimerClient.DefaultPath);
    ulong periodNs = 1_000_000_000UL / (ulong)frequency;
    TimerError error = client.Arm(0, ClockId.Monotonic, periodNs, periodNs);
    if (error != TimerError.None)
    {
        Console.Error.WriteLine($"the timer service refuses: {error}");
        return 1;
    }

    // The plant: a mass that a force pulls to where it should be. Each step takes as long as the timer says, whatever happened meanwhile.
    double position = 1;
    double velocity = 0;
    ulong steps = 0;
    ulong skipped = 0;
    double step = 1.0 / frequency;
    while (steps < (ulong)(frequency * seconds))
    {
        ulong expirations = client.Spin(0, steps);
        skipped += expirations - steps - 1;
        for (; steps < expirations; steps++)
        {
            velocity += ((-40 * position) - (12 * velocity)) * step;
            position += velocity * step;
        }
    }

    TimerSlot slot = client.Read(0);
    client.Cancel(0);
    Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{steps} steps of {periodNs} ns; position {position:E1}; {skipped} found two or more due at once (this thread was late); "
        + $"the core was late for {slot.Misses}, at most by {slot.LatenessMax * 1e6 / client.TscKhz:F0} ns"));
    return 0;
}
catch (TimerException e)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
