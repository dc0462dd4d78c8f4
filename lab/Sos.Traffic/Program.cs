using System;
using Sos.Traffic.Clients;
using Sos.Traffic.Wire;

namespace Sos.Traffic;

/// <summary>The lab's traffic: <c>sos-traffic wire</c> and <c>sos-traffic clients</c>.</summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        try
        {
            return arguments switch
            {
                ["wire", .. var rest] => WireCommand.Run(rest),
                ["clients", .. var rest] => ClientsCommand.Run(rest),
                _ => Usage(),
            };
        }
        catch (WireException problem)
        {
            Console.Error.WriteLine($"sos-traffic: {problem.Message}");
            return 1;
        }
    }

    private static int Usage()
    {
        Console.Error.WriteLine("usage: sos-traffic wire ... | clients ...");
        return 2;
    }
}
