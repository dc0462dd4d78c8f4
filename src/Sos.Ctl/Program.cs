using System;
using Sos.Ctl;
using Sos.Verbs;

return CommandLine.Run(args, new Terminal(StandardOutput.Open(), Console.Error));
